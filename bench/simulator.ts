/**
 * The speed of the simulator: the cost of a QUIC download at 10 Mbit/s per virtual time, each in a fresh process. The target is
 * for CPU time, including that of the compiler's and collector's threads, so that other load on the machine matters little.
 */

import type { Bench } from "./bench.ts";
import type { SimulatedTransferDone, SimulatedTransferOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 5;
/** Virtual seconds: a short test, in which most code is not yet compiled, and a long one. */
const DURATIONS = [10, 60] as const;

export const simulator: Bench = async ({ rounds = ROUNDS, log }) => {
  const runs = new Map<number, SimulatedTransferDone[]>(DURATIONS.map((duration) => [duration, []]));
  for (let round = 1; round <= rounds; round += 1) {
    log(`round ${round} of ${rounds}`);
    for (const [duration, all] of runs) {
      await using child = new OwnProcess("simulated-transfer");
      // The process is ready.
      await child.next();
      const order: SimulatedTransferOrder = { duration };
      all.push(await child.request<SimulatedTransferDone>(order));
    }
  }
  const costs = [...runs].map(([duration, all]) => ({
    duration,
    took: median(all.map(({ took }) => took)),
    cpu: median(all.map(({ cpu }) => cpu)),
  }));
  const long = costs.at(-1)!;
  return {
    rows: costs.map(({ duration, took, cpu }) => ({
      name: `${duration} s at 10 Mbit/s`,
      figures: {
        "median ms": Math.round(took),
        "CPU ms": Math.round(cpu),
        "times real time": rounded((duration * 1_000) / took),
      },
    })),
    ratios: { "CPU time / virtual time": rounded(long.cpu / (long.duration * 1_000)) },
    targets: [{ of: "CPU time / virtual time", atMost: 0.05 }],
    remarks: [],
  };
};
