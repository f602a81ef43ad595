/** `npm run interop -- [--peer P]… [--case C]… [--side P] [--smoke] [--json FILE]` */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CASES, SMOKE } from "./cases/index.ts";
import { columnOf, matrix } from "./matrix.ts";
import { PEERS } from "./peers/index.ts";
import { nagare } from "./peers/nagare.ts";
import { countOf, type Outcome, type Result } from "./result.ts";
import { runMatrix } from "./runner.ts";

const MIB = 1 << 20;

const MARK: Readonly<Record<Outcome, string>> = { pass: "✓", fail: "✗", unsupported: "–", skipped: "skipped" };

const { values } = parseArgs({
  options: {
    peer: { type: "string", multiple: true },
    case: { type: "string", multiple: true },
    /** Takes our side, to show whose fault a failure is. */
    side: { type: "string", default: nagare.name },
    /** Runs a browser and ngtcp2 with a smaller file. */
    smoke: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[] | undefined,
  what: string,
): readonly T[] {
  if (names === undefined) return all;
  const unknown = names.find((name) => !all.some((each) => each.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`unknown ${what} ${unknown}; known are ${all.map(({ name }) => name).join(", ")}\n`);
    process.exit(2);
  }
  return all.filter(({ name }) => names.includes(name));
}

function print(given: Result): void {
  const { case: name, result, detail } = given;
  if (result === "unsupported") return; // Shown in the matrix only.
  process.stdout.write(`${MARK[result]} ${name.padEnd(18)} ${columnOf(given).padEnd(15)} ${detail}\n`);
}

const side = chosen(PEERS, [values.side], "side")[0]!;
const cases = chosen(CASES, values.case ?? (values.smoke ? SMOKE.cases : undefined), "case");
const results = await runMatrix({
  side,
  peers: chosen(PEERS, values.peer ?? (values.smoke ? SMOKE.peers : undefined), "peer"),
  cases: side === nagare ? cases : cases.filter(({ isOursOnly }) => isOursOnly !== true),
  bulkSize: values.smoke ? 16 * MIB : 100 * MIB,
  cellTimeout: 180_000,
  log: (line) => process.stderr.write(`${line}\n`),
  onResult: print,
});

process.stdout.write(`\n${matrix(results)}\n`);
for (const reason of new Set(
  results.filter(({ result }) => result === "skipped").map((r) => `${r.peer}: ${r.detail}`),
)) {
  process.stdout.write(`skipped ${reason}\n`);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ results }, undefined, 2)}\n`);
process.exit(countOf(results, "fail") > 0 ? 1 : 0);
