// `nagare lab list` and `nagare lab run`.
import { EXPERIMENTS, type Experiment, experimentDocument, type Result, resultLines } from "../../lab/index.ts";
import { EXIT, silentExit, usageError } from "../fail.ts";
import { interruptible } from "../interrupt.ts";
import { type Io, write } from "../io.ts";
import type { RunFlags } from "./flags.ts";
import { expectWritable, plotFormat, writePlot } from "./output.ts";
import { renderPng } from "./png.ts";
import { POLICIES, runPolicies } from "./policies.ts";
import { runInTurns } from "./turns.ts";

export async function listExperiments(flags: { readonly json?: true }, io: Io): Promise<void> {
  const width = Math.max(...EXPERIMENTS.map(({ name }) => name.length));
  for (const { name, title, summary, takes, claims } of EXPERIMENTS) {
    const line = flags.json
      ? JSON.stringify({ name, title, summary, takes, claims: claims.length })
      : `${name.padEnd(width)}  ${summary} (${claims.length} claims, ${takes})`;
    await write(io.stdout, `${line}\n`);
  }
  const { name, title, summary, takes } = POLICIES;
  const line = flags.json
    ? JSON.stringify({ name, title, summary, takes, claims: 0 })
    : `${name.padEnd(width)}  ${summary} (${takes})`;
  await write(io.stdout, `${line}\n`);
}

export async function runOne(name: string, flags: RunFlags, io: Io): Promise<void> {
  if (name === POLICIES.name) return runPolicies(flags, io);
  const experiment = experimentNamed(name);
  const { plot } = flags;
  const format = plot === undefined ? undefined : plotFormat(plot);
  if (plot !== undefined) await expectWritable(plot);
  // A missing package is reported before the experiment runs.
  const toPng = format === "png" ? await renderPng() : undefined;
  const result = await interruptible(io, (signal) => runInTurns(experiment, flags, { io, signal }));
  if (plot !== undefined) {
    const svg = experimentDocument(experiment, result.rows);
    await writePlot(plot, toPng === undefined ? svg : toPng(svg));
  }
  const text = flags.json ? JSON.stringify(result) : resultLines(experiment, result).join("\n");
  await write(io.stdout, `${text}\n`);
  failUnlessMet([result]);
}

function experimentNamed(name: string): Experiment {
  const found = EXPERIMENTS.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = [...EXPERIMENTS, POLICIES].map((each) => each.name).join(", ");
  throw usageError(`there is no experiment "${name}"`, `the experiments are ${names}`);
}

export function failUnlessMet(results: readonly Result[]): void {
  if (results.some(({ claims }) => claims.some(({ met }) => !met))) throw silentExit(EXIT.failed);
}
