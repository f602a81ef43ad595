/** `npm run tlsfuzzer -- --source DIR [--python PROGRAM] [--script NAME]…` */

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { sourceOf } from "../bogo/run.ts";
import { differentOf } from "./outcome.ts";
import { renderPage } from "./page.ts";
import { runScripts } from "./run.ts";
import { LEFT_OUT, SCRIPTS } from "./scripts.ts";

const USAGE = `usage: npm run tlsfuzzer -- --source DIR [--python PROGRAM] [--script NAME]…
DIR is a checkout of tlsfuzzer. PROGRAM is a Python with tlslite-ng, ecdsa and kyber-py. A run of all scripts writes docs/tlsfuzzer.md.
`;

/** Seen from dist-tools/interop/tlsfuzzer. */
const PAGE = fileURLToPath(new URL("../../../docs/tlsfuzzer.md", import.meta.url));

const { values } = parseArgs({
  options: {
    source: { type: "string" },
    python: { type: "string", default: "python3" },
    script: { type: "string", multiple: true },
  },
});

function stop(problem: string): never {
  process.stderr.write(`${problem}\n${USAGE}`);
  process.exit(2);
}

if (values.source === undefined) stop("--source is missing");
const source = resolve(values.source);
if (!existsSync(join(source, "scripts"))) stop(`${values.source} is no checkout of tlsfuzzer: it has no scripts`);
const { script: wanted } = values;
const unknown = wanted?.find((name) => !SCRIPTS.some((script) => script.name === name));
if (unknown !== undefined) stop(`${unknown} is not in the list of scripts`);

const known = new Set([...SCRIPTS.map(({ name }) => name), ...Object.values(LEFT_OUT).flat()]);
for (const file of readdirSync(join(source, "scripts"))) {
  const name = /^test-tls13-(.+)\.py$/.exec(file)?.[1];
  if (name !== undefined && !known.has(name)) process.stdout.write(`not in the list of scripts: ${name}\n`);
}

const folder = mkdtempSync(join(tmpdir(), "nagare-tlsfuzzer-"));
try {
  const outcomes = await runScripts({
    python: values.python,
    source,
    folder,
    scripts: SCRIPTS.filter(({ name }) => wanted === undefined || wanted.includes(name)),
    onOutcome: (outcome) => {
      const { name, passed, failed, problem } = outcome;
      process.stdout.write(
        `${name.padEnd(30)} passed ${passed}, failed ${failed.length}, different ${differentOf(outcome)}\n`,
      );
      for (const probe of failed) process.stdout.write(`  ${probe}\n`);
      if (problem !== undefined) process.stdout.write(`no summary:\n${problem.slice(-2_000)}\n`);
    },
  });
  const isGood = outcomes.every(
    ({ passed, failed, problem }) => passed > 0 && failed.length === 0 && problem === undefined,
  );
  if (wanted === undefined && outcomes.every(({ problem }) => problem === undefined)) {
    const { revision, date } = await sourceOf(source);
    writeFileSync(PAGE, renderPage(outcomes, revision, date));
  }
  process.exitCode = isGood ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
