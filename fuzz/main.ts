/** `npm run fuzz -- [--seconds N | --inputs N] [--seed S] [--target NAME]…` */

import { parseArgs } from "node:util";
import { type FuzzReport, fuzz } from "./run.ts";
import { TARGETS } from "./targets/index.ts";

const { values } = parseArgs({
  options: {
    /** The time for each target. */
    seconds: { type: "string" },
    inputs: { type: "string" },
    seed: { type: "string" },
    target: { type: "string", multiple: true },
  },
});

function count(name: "seconds" | "inputs" | "seed", text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  process.stderr.write(`--${name} must be a whole number, not ${text}\n`);
  process.exit(2);
}

const names = values.target ?? TARGETS.map(({ name }) => name);
const unknown = names.find((name) => !TARGETS.some((target) => target.name === name));
if (unknown !== undefined) {
  process.stderr.write(`unknown target ${unknown}; the targets are ${TARGETS.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}
const seed = count("seed", values.seed) ?? Math.floor(Math.random() * 2 ** 31);
const inputs = count("inputs", values.inputs);
const seconds = count("seconds", values.seconds) ?? (inputs === undefined ? 30 : undefined);

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Collects garbage first (with `--expose-gc`), so that it does not look like growth. */
function memory(): number {
  globalThis.gc?.();
  // Memory that the first run leaves to another thread is counted until the second.
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function print(report: FuzzReport, elapsed: number, end = "\n"): void {
  const rate = Math.round(report.inputs / (elapsed / 1_000));
  const heap = report.memory.length > 0 ? `, ${mebibytes(report.memory.at(-1)!)}` : "";
  process.stdout.write(
    `${report.target}: ${report.inputs} inputs, ${rate}/s, ${report.sessions} connections${heap}${end}`,
  );
}

process.stdout.write(`seed ${seed}\n`);
let failed = false;
for (const target of TARGETS.filter(({ name }) => names.includes(name))) {
  const begin = performance.now();
  const elapsed = (): number => performance.now() - begin;
  const report = fuzz({
    target,
    seed,
    maxInputs: inputs ?? Number.POSITIVE_INFINITY,
    clock: () => performance.now(),
    memory,
    isTimeUp: () => seconds !== undefined && elapsed() > seconds * 1_000,
    onProgress: (soFar) => {
      if (process.stdout.isTTY) print(soFar, elapsed(), "\r");
    },
  });
  print(report, elapsed());
  const { memory: samples, outcomes, failure } = report;
  if (samples.length > 1) {
    const [first, middle, last] = [samples[0]!, samples[samples.length >> 1]!, samples.at(-1)!];
    process.stdout.write(`  memory ${[first, middle, last].map(mebibytes).join(" → ")}\n`);
  }
  for (const [outcome, times] of [...outcomes].sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`  ${String(times).padStart(9)}  ${outcome}\n`);
  }
  if (failure === undefined) continue;
  failed = true;
  process.stdout.write(`  FAILED at input ${failure.input}: `);
  console.log(failure.error);
  process.stdout.write(
    `  reproduce: npm run fuzz -- --target ${target.name} --seed ${failure.seed} --inputs ${failure.input}\n`,
  );
}
process.exit(failed ? 1 : 0);
