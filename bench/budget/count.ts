/**
 * A process that counts what one workload costs: the calls of our own functions, exactly, by V8's precise coverage; and
 * the bytes that were allocated on the heap, while nothing is collected or compiled. `budget.ts` starts it with the flags
 * that this needs.
 */

import { Session } from "node:inspector/promises";
import { prepare, WORKLOADS } from "./transfer.ts";

export interface Counts {
  /** Sent by both sides. */
  readonly packets: number;
  readonly calls: number;
  readonly bytes: number;
  /** The functions that were called most. */
  readonly top: readonly { readonly name: string; readonly file: string; readonly calls: number }[];
}

const TOP = 40;

/** The simulator is not the product. */
const ours = (url: string): boolean => /\/src\/(?!sim\/)/.test(url);

function bytesOf(run: () => number): number {
  const before = process.memoryUsage().heapUsed;
  run();
  return process.memoryUsage().heapUsed - before;
}

async function count(name: string): Promise<Counts> {
  const workload = WORKLOADS.find((each) => each.name === name);
  if (workload === undefined) throw new TypeError(`there is no workload ${name}`);
  // Once before, so that lazy functions and tables exist.
  prepare(workload).run();
  const bytes = bytesOf(prepare(workload).run);

  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  const transfer = prepare(workload);
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  const packets = transfer.run();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const called = result
    .filter(({ url }) => ours(url))
    .flatMap(({ url, functions }) =>
      functions.map(({ functionName, ranges }) => ({
        name: functionName,
        file: url.slice(url.indexOf("/src/") + 5),
        calls: ranges[0]!.count,
      })),
    )
    .sort((a, b) => b.calls - a.calls);
  const calls = called.reduce((sum, each) => sum + each.calls, 0);
  return { packets, calls, bytes, top: called.slice(0, TOP) };
}

process.stdout.write(`${JSON.stringify(await count(process.argv[2]!))}\n`);
