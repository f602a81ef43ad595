/** The speed of the simulator: real time per virtual time of a QUIC download at 10 Mbit/s, each in a fresh process. */

import type { Bench } from "./bench.ts";
import type { SimulatedTransferDone, SimulatedTransferOrder } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import { median, rounded } from "./statistics.ts";

const ROUNDS = 5;
/** Virtual seconds: a short test, in which most code is not yet compiled, and a long one. */
const DURATIONS = [10, 60] as const;

export const simulator: Bench = async ({ rounds = ROUNDS, log }) => {
  const took = new Map<number, number[]>(DURATIONS.map((duration) => [duration, []]));
  for (let round = 1; round <= rounds; round += 1) {
    log(`round ${round} of ${rounds}`);
    for (const [duration, all] of took) {
      await using child = new OwnProcess("simulated-transfer");
      const order: SimulatedTransferOrder = { duration };
      all.push((await child.request<SimulatedTransferDone>(order)).took);
    }
  }
  const rows = [...took].map(([duration, all]) => ({
    name: `${duration} s at 10 Mbit/s`,
    figures: {
      "median ms": Math.round(median(all)),
      "times real time": rounded((duration * 1_000) / median(all)),
    },
  }));
  const [, long] = DURATIONS;
  const ratio = rounded(median(took.get(long)!) / (long * 1_000));
  return {
    rows,
    ratios: { "real time / virtual time": ratio },
    targets: [{ of: "real time / virtual time", atMost: 0.05 }],
    remarks: [],
  };
};
