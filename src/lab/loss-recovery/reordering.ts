/** A long download over a path that reorders packets and loses none. */

import { millis, seconds } from "../../base/time.ts";
import { part } from "../experiment.ts";
import { megabits, product } from "../figures.ts";
import { ON_WIRE } from "./download.ts";
import { download, RECOVERY } from "./rules.ts";

const RATE = 10e6;
const RTT = 60;
/** Seconds. */
const FROM = 5;
const UNTIL = 15;

export const reordering = part({
  name: "reordering",
  title: "Reordering",
  setup:
    `A download over ${RATE / 1e6} Mbit/s and ${RTT} ms that holds back every hundredth packet at random, for up to the given time. ` +
    `Nothing is lost but what overflows the queue of one bandwidth-delay product. Goodput as above, from second ${FROM} to second ${UNTIL}.`,
  parameters: { recovery: RECOVERY, held: { title: "held back", unit: "ms" } },
  figures: {
    goodput: { title: "goodput", unit: "Mbit/s", digits: 2 },
    retransmissions: { title: "retransmissions" },
    spurious: { title: "spurious losses" },
  },
  cells: product({ recovery: ["newreno", "cubic", "bbr", "classic"] as const, held: [0, 2, 5, 20, 40] as const }),
  isQuick: () => false,
  repetitions: 1,
  measure({ recovery, held }, run) {
    const queue = Math.round((RATE * RTT) / 1_000 / 8 / ON_WIRE);
    const figures = download(recovery, {
      ...run,
      bytes: Number.POSITIVE_INFINITY,
      link: {
        delay: millis(RTT / 2),
        rate: RATE,
        queue,
        ...(held > 0 && { reordering: 0.01, reorderDelay: millis(held) }),
      },
      until: seconds(UNTIL),
      countAfter: seconds(FROM),
    });
    return {
      goodput: megabits(figures.receivedAfter, UNTIL - FROM),
      retransmissions: figures.retransmissions,
      spurious: recovery === "classic" ? null : figures.spuriousLosses,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Goodput against reordering",
      x: { column: "held" },
      y: { column: "goodput" },
      series: "recovery",
    },
  ],
});
