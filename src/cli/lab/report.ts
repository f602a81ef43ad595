// `nagare lab report`: runs all experiments and writes a page, and each result as JSON, text and SVG.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  EXPERIMENTS,
  type Experiment,
  experimentDocument,
  type Finding,
  reportPage,
  resultLines,
} from "../../lab/index.ts";
import { interruptible } from "../interrupt.ts";
import { type Io, write } from "../io.ts";
import type { ReportFlags } from "./flags.ts";
import { failUnlessMet } from "./lab.ts";
import { expectWritable, failedToWrite } from "./output.ts";
import { runInTurns } from "./turns.ts";

export async function writeReport(
  folder: string,
  flags: ReportFlags,
  io: Io,
  experiments: readonly Experiment[] = EXPERIMENTS,
): Promise<void> {
  const page = join(folder, "index.html");
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw failedToWrite(folder, error);
  });
  await expectWritable(page);
  const findings: Finding[] = [];
  await interruptible(io, async (signal) => {
    for (const experiment of experiments) {
      const result = await runInTurns(experiment, flags, { io, signal });
      findings.push({ experiment, result });
      for (const [name, content] of resultFiles({ experiment, result })) await writeFile(join(folder, name), content);
    }
  });
  await writeFile(page, reportPage(findings));
  await write(io.stdout, `${page}\n`);
  failUnlessMet(findings.map(({ result }) => result));
}

/** The files of one experiment: names and contents. */
export const resultFiles = ({ experiment, result }: Finding): readonly (readonly [name: string, content: string])[] => [
  [`${experiment.name}.json`, `${JSON.stringify(result, undefined, 1)}\n`],
  [`${experiment.name}.txt`, `${resultLines(experiment, result).join("\n")}\n`],
  [`${experiment.name}.svg`, experimentDocument(experiment, result.rows)],
];
