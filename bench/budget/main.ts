/**
 * `npm run budget`: what fixed simulated transfers cost per packet, in calls of our functions and bytes on the heap,
 * beside the budget in `budget.json`. Neither needs a clock, so the result is the same on a busy machine. The exit code is
 * 1 if something costs more than its budget.
 *
 * `--write` writes what is measured as the new budget. `--top WORKLOAD` prints the functions that are called most.
 */

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { type Budget, type Cost, compare, lineOf } from "./compare.ts";
import type { Counts } from "./count.ts";
import { WORKLOADS } from "./transfer.ts";

/** Built tools run from dist-tools/bench/budget. */
const FILE = fileURLToPath(new URL("../../../bench/budget/budget.json", import.meta.url));
const COUNT = fileURLToPath(new URL("./count.js", import.meta.url));

/** Without a compiler, every call is counted and no allocation is optimized away; the young generation holds all garbage. */
const FLAGS = ["--jitless", "--no-warnings", "--max-semi-space-size=512", "--min-semi-space-size=512"];

async function countsOf(workload: string): Promise<Counts> {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, COUNT, workload]);
  return JSON.parse(stdout) as Counts;
}

function perPacket({ packets, calls, bytes }: Counts): Cost {
  return { calls: Math.round((10 * calls) / packets) / 10, bytes: Math.round(bytes / packets) };
}

const { values } = parseArgs({ options: { write: { type: "boolean" }, top: { type: "string" } } });
if (values.top !== undefined) {
  const { packets, top } = await countsOf(values.top);
  for (const { name, file, calls } of top) {
    console.log(
      `${(calls / packets).toFixed(1).padStart(7)} per packet  ${name === "" ? "(anonymous)" : name}  ${file}`,
    );
  }
} else {
  const spent: Record<string, Cost> = {};
  for (const { name } of WORKLOADS) spent[name] = perPacket(await countsOf(name));
  if (values.write === true) await writeFile(FILE, `${JSON.stringify(spent, null, 2)}\n`);
  const budget = JSON.parse(await readFile(FILE, "utf8")) as Budget;
  const verdicts = compare(budget, spent);
  for (const verdict of verdicts) console.log(lineOf(verdict));
  if (verdicts.some(({ outcome }) => outcome === "under")) {
    console.log("Something costs less than its budget: `npm run budget -- --write` lowers it.");
  }
  if (verdicts.some(({ outcome }) => outcome === "over")) process.exitCode = 1;
}
