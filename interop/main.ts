/** `npm run interop -- [--peer P]… [--case C]… [--side P] [--jobs N] [--smoke] [--record] [--json FILE] [--qlog DIR]` */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CASES, SMOKE } from "./cases/index.ts";
import { matrix } from "./matrix.ts";
import { page } from "./page.ts";
import { PEERS } from "./peers/index.ts";
import { nagare } from "./peers/nagare.ts";
import { merged, type Recorded, readRecording } from "./record.ts";
import { columnOf, countOf, markOf, peerFaults, type Result } from "./result.ts";
import { runMatrix } from "./runner.ts";

const MIB = 1 << 20;
const RECORDING = "docs/interop.json";
const PAGE = "docs/interop.md";

const { values } = parseArgs({
  options: {
    peer: { type: "string", multiple: true },
    case: { type: "string", multiple: true },
    /** Takes our side, to show whose fault a failure is. */
    side: { type: "string", default: nagare.name },
    /** The number of peers at a time. */
    jobs: { type: "string", default: "1" },
    /** Runs a browser and ngtcp2 with a smaller file. */
    smoke: { type: "boolean", default: false },
    /** Writes what was run into the recorded results and their page. */
    record: { type: "boolean", default: false },
    json: { type: "string" },
    /** Records our own connections in qlog here, in a folder for each cell. */
    qlog: { type: "string" },
  },
});

function usage(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function chosen<T extends { readonly name: string }>(
  all: readonly T[],
  names: readonly string[] | undefined,
  what: string,
): readonly T[] {
  if (names === undefined) return all;
  const unknown = names.find((name) => !all.some((each) => each.name === name));
  if (unknown !== undefined) usage(`unknown ${what} ${unknown}; known are ${all.map(({ name }) => name).join(", ")}`);
  return all.filter(({ name }) => names.includes(name));
}

function print(result: Result): void {
  if (result.result === "unsupported") return; // Shown in the matrix only.
  const { case: name, detail, cause } = result;
  process.stdout.write(`${markOf(result)} ${name.padEnd(18)} ${columnOf(result).padEnd(15)} ${cause ?? detail}\n`);
}

function record(results: readonly Result[]): void {
  const date = new Date().toISOString().slice(0, 10);
  const node = process.versions.node;
  const fresh: Recorded[] = results.flatMap((each) => (each.result === "skipped" ? [] : [{ ...each, date, node }]));
  const recording = merged(readRecording(RECORDING), fresh, { peers: PEERS, cases: CASES });
  writeFileSync(RECORDING, `${JSON.stringify(recording, undefined, 2)}\n`);
  writeFileSync(PAGE, page(recording, { peers: PEERS, cases: CASES }));
}

const jobs = Number(values.jobs);
if (!Number.isInteger(jobs) || jobs < 1) usage(`--jobs ${values.jobs}: give a number of peers, at least 1`);
const side = chosen(PEERS, [values.side], "side")[0]!;
if (side !== nagare && values.record) usage("--record is for our own side; leave out --side");
const cases = chosen(CASES, values.case ?? (values.smoke ? SMOKE.cases : undefined), "case");
const results = await runMatrix({
  side,
  peers: chosen(PEERS, values.peer ?? (values.smoke ? SMOKE.peers : undefined), "peer"),
  thirds: PEERS,
  cases: side === nagare ? cases : cases.filter(({ isOursOnly }) => isOursOnly !== true),
  jobs,
  bulkSize: values.smoke ? 16 * MIB : 100 * MIB,
  cellTimeout: 180_000,
  qlog: values.qlog,
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
if (values.record) record(results);
process.exit(countOf(results, "fail") > peerFaults(results).length ? 1 : 0);
