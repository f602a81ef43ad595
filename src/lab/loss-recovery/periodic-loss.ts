/** A long download that loses one packet in N: the loss that formulas for average windows assume. */

import { millis, seconds } from "../../base/time.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { SEGMENT } from "./classic-tcp.ts";
import { ON_WIRE } from "./download.ts";
import { cubicWindow, renoWindow } from "./laws.ts";
import { download, RECOVERY } from "./rules.ts";

/** Milliseconds. */
export const PERIODIC_RTT = 200;
const RATE = 50e6;
/** Seconds. */
const FROM = 20;
const UNTIL = 80;
/** More packets than a run sends. */
const PACKETS = 500_000;

const everyNth = (period: number): readonly number[] =>
  Array.from({ length: PACKETS / period }, (_, i) => (i + 1) * period);

export const periodicLoss = part({
  name: "periodic-loss",
  title: "Periodic loss",
  setup:
    `A download without end over ${RATE / 1e6} Mbit/s and ${PERIODIC_RTT} ms; the server’s packets are lost at regular distances. ` +
    `The average window is the content received in a round trip, from second ${FROM} to second ${UNTIL}, in packets of ${SEGMENT} bytes of content.`,
  parameters: { recovery: RECOVERY, period: { title: "one loss in", unit: "packets" } },
  figures: {
    window: { title: "average window", unit: "packets", digits: 1 },
    retransmissions: { title: "retransmissions" },
  },
  cells: product({ recovery: ["newreno", "cubic"] as const, period: [100, 300, 1_000, 3_000] as const }),
  isQuick: ({ period }) => period === 100,
  repetitions: 1,
  measure({ recovery, period }, run) {
    const figures = download(recovery, {
      ...run,
      bytes: Number.POSITIVE_INFINITY,
      link: {
        delay: millis(PERIODIC_RTT / 2),
        rate: RATE,
        queue: Math.round((RATE * PERIODIC_RTT) / 1_000 / 8 / ON_WIRE),
        dropList: everyNth(period),
      },
      until: seconds(UNTIL),
      countAfter: seconds(FROM),
    });
    const rounds = (1_000 * (UNTIL - FROM)) / PERIODIC_RTT;
    return { window: figures.receivedAfter / SEGMENT / rounds, retransmissions: figures.retransmissions };
  },
  plots: [
    {
      kind: "lines",
      title: "Average window against periodic loss",
      x: { column: "period", scale: "log" },
      y: { column: "window", scale: "log" },
      series: "recovery",
      laws: [
        { name: "√(3/2) / √p (Mathis)", y: (period) => renoWindow(1 / period) },
        { name: "CUBIC (RFC 9438 §5.1)", y: (period) => cubicWindow(1 / period, PERIODIC_RTT / 1_000) },
      ],
    },
  ],
});
