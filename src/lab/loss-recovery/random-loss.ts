/** A long download with random loss: loss × round-trip time × recovery. */

import { millis, seconds } from "../../base/time.ts";
import { part } from "../experiment.ts";
import { megabits, product } from "../figures.ts";
import { SEGMENT } from "./classic-tcp.ts";
import { ON_WIRE } from "./download.ts";
import { cubicWindow, renoWindow } from "./laws.ts";
import { download, RECOVERY } from "./rules.ts";

const RATE = 10e6;
/** Seconds. */
const FROM = 5;
const UNTIL = 25;

const LOSSES = [0, 0.1, 0.5, 1, 2, 5] as const;
const RTTS = [20, 60, 200] as const;
const COMPARED = ["newreno", "cubic", "bbr", "classic"] as const;

/** The link's rate in packets per round trip. */
const packetsPerRound = (rtt: number): number => (RATE * rtt) / 1_000 / 8 / ON_WIRE;

/** Mbit/s of content for a window of packets; undefined if the link would be the limit. */
const goodputOf = (window: number, rtt: number): number | undefined =>
  window > packetsPerRound(rtt) ? undefined : megabits(window * SEGMENT, rtt / 1_000);

export const randomLoss = part({
  name: "random-loss",
  title: "Random loss",
  setup:
    `A download without end over ${RATE / 1e6} Mbit/s; the queue holds one bandwidth-delay product, at least 25 packets. ` +
    `Packets to the client are lost at random, each with the same probability. Goodput is the content received from second ${FROM} to second ${UNTIL}: over QUIC in order, ` +
    "with the classic rules also what waits for a missing segment.",
  parameters: {
    recovery: RECOVERY,
    rtt: { title: "RTT", unit: "ms" },
    loss: { title: "loss", unit: "%", digits: 1 },
  },
  figures: {
    goodput: { title: "goodput", unit: "Mbit/s", digits: 2, spread: true },
    packets: { title: "packets sent" },
    retransmissions: { title: "retransmissions", digits: 1 },
    spurious: { title: "spurious losses", digits: 1 },
    timeouts: { title: "probe or retransmission timeouts", digits: 1 },
  },
  cells: product({ recovery: COMPARED, rtt: RTTS, loss: LOSSES }),
  isQuick: ({ rtt, loss }) => rtt === 200 && loss === 5,
  repetitions: 3,
  measure({ recovery, rtt, loss }, run) {
    const figures = download(recovery, {
      ...run,
      bytes: Number.POSITIVE_INFINITY,
      link: {
        delay: millis(rtt / 2),
        rate: RATE,
        queue: Math.max(25, Math.round(packetsPerRound(rtt))),
        loss: loss / 100,
      },
      until: seconds(UNTIL),
      countAfter: seconds(FROM),
    });
    return {
      goodput: megabits(figures.receivedAfter, UNTIL - FROM),
      packets: figures.packetsSent,
      retransmissions: figures.retransmissions,
      spurious: recovery === "classic" ? null : figures.spuriousLosses,
      timeouts: figures.timeouts,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Goodput against random loss",
      x: { column: "loss", scale: "sqrt" },
      y: { column: "goodput", scale: "log" },
      series: "recovery",
      panels: "rtt",
      laws: [
        { name: "√(3/2) / √p (Mathis)", y: (loss, rtt) => goodputOf(renoWindow(loss / 100), Number(rtt)) },
        {
          name: "CUBIC (RFC 9438 §5.1), where above",
          y(loss, rtt) {
            const window = cubicWindow(loss / 100, Number(rtt) / 1_000);
            return window < renoWindow(loss / 100) ? undefined : goodputOf(window, Number(rtt));
          },
        },
      ],
    },
  ],
});
