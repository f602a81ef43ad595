/** The start of a download over a link with a long queue: where slow start ends. */

import { millis, seconds, toMillis } from "../../base/time.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { ON_WIRE } from "./download.ts";
import { download, RECOVERY } from "./rules.ts";

const RATE = 20e6;
const RTT = 60;
/** Seconds. */
const DURATION = 3;
/** Bytes. */
const BANDWIDTH_DELAY_PRODUCT = (RATE * RTT) / 1_000 / 8;

export const slowStart = part({
  name: "slow-start",
  title: "The end of slow start",
  setup:
    `The first ${DURATION} seconds of a download over ${RATE / 1e6} Mbit/s and ${RTT} ms, with queues of several bandwidth-delay products (BDP). ` +
    "Only the queue loses packets. BBR has no slow start in this sense; it stops when the delivery rate no longer grows.",
  parameters: { recovery: RECOVERY, queue: { title: "queue", unit: "BDP" } },
  figures: {
    exit: { title: "window after slow start", unit: "BDP", digits: 2 },
    dropped: { title: "packets dropped by then" },
    droppedInAll: { title: "packets dropped in all" },
    queueing: { title: "longest queueing delay", unit: "ms", digits: 1 },
    received: { title: "received", unit: "MB", digits: 2 },
  },
  cells: product({ recovery: ["newreno", "cubic", "bbr", "classic"] as const, queue: [1, 2, 4, 8] as const }),
  isQuick: ({ queue }) => queue === 8,
  repetitions: 1,
  measure({ recovery, queue }, run) {
    const delay = millis(RTT / 2);
    const figures = download(recovery, {
      ...run,
      bytes: Number.POSITIVE_INFINITY,
      link: { delay, rate: RATE, queue: Math.round((queue * BANDWIDTH_DELAY_PRODUCT) / ON_WIRE) },
      until: seconds(DURATION),
    });
    return {
      exit: figures.slowStartExit === undefined ? null : figures.slowStartExit / BANDWIDTH_DELAY_PRODUCT,
      dropped: recovery === "bbr" ? null : figures.overflowsInSlowStart,
      droppedInAll: figures.overflows,
      queueing: toMillis((figures.maxTransit - delay) as typeof delay),
      received: figures.received / 1e6,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Packets that the queue had no room for",
      x: { column: "queue" },
      y: { column: "droppedInAll" },
      series: "recovery",
    },
    {
      kind: "lines",
      title: "Longest queueing delay",
      x: { column: "queue" },
      y: { column: "queueing" },
      series: "recovery",
    },
  ],
});
