/** What RFCs and papers claim about loss recovery and congestion control, beside our figures. */

import type { ClaimSpec, Row, Values } from "../experiment.ts";
import { figureOf, range, rowsOf } from "../rows.ts";
import { cubicWindow, renoWindow } from "./laws.ts";
import { PERIODIC_RTT } from "./periodic-loss.ts";

const OURS = ["newreno", "cubic", "bbr"] as const;

/** The figures of rows divided by another value; rows without one do not count. */
function ratios(
  rows: readonly Row[],
  figure: string,
  divisor: (row: Row) => number | undefined,
): readonly { readonly row: Row; readonly ratio: number }[] {
  return rows.flatMap((row) => {
    const by = divisor(row);
    const value = row[figure];
    return by === undefined || typeof value !== "number" ? [] : [{ row, ratio: value / by }];
  });
}

/** The figure of the row with the same parameters and another recovery. */
const beside = (rows: readonly Row[], figure: string, recovery: string, parameters: readonly string[]) => (row: Row) =>
  figureOf(rows, row.part, figure, {
    recovery,
    ...(Object.fromEntries(parameters.map((name) => [name, row[name]])) as Values),
  });

/** The probability of loss with one lost packet in `period`. */
const lossOf = ({ period }: Row): number => 1 / Number(period);

function judgeLaw(found: readonly { readonly row: Row; readonly ratio: number }[]) {
  if (found.length === 0) return undefined;
  const values = found.map(({ ratio }) => ratio);
  const where = found.map(({ row }) => row.period).join(", ");
  return { ours: `${range(values, 2)} times the formula, for 1/p = ${where}`, met: isWithin(0.75, 1.25, values) };
}

const isWithin = (low: number, high: number, values: readonly number[]): boolean =>
  values.every((value) => value >= low && value <= high);

export const CLAIMS: readonly ClaimSpec[] = [
  {
    name: "NewReno's average window",
    source: "Mathis, Semke, Mahdavi, Ott (1997), equation 3; RFC 9002 §7.3",
    theirs: "√(3/2) / √p packets, if one packet in 1/p is lost; here within 25 %",
    judge(rows) {
      const found = ratios(rowsOf(rows, "periodic-loss", { recovery: "newreno" }), "window", (row) =>
        renoWindow(lossOf(row)),
      );
      return judgeLaw(found);
    },
  },
  {
    name: "CUBIC's average window, where its curve is above NewReno's line",
    source: "RFC 9438 §5.1",
    theirs: "1.054 × (RTT / p)^0.75 packets, if one packet in 1/p is lost; here within 25 %",
    judge(rows) {
      const found = ratios(rowsOf(rows, "periodic-loss", { recovery: "cubic" }), "window", (row) => {
        const window = cubicWindow(lossOf(row), PERIODIC_RTT / 1_000);
        return window > 1.2 * renoWindow(lossOf(row)) ? window : undefined;
      });
      return judgeLaw(found);
    },
  },
  {
    name: "CUBIC is at least as fast as NewReno",
    source: "RFC 9438 §4.3 (Reno-friendly region)",
    theirs: "at least NewReno's goodput in every cell",
    judge(rows) {
      const lossy = rowsOf(rows, "random-loss", { recovery: "cubic" }).filter(({ loss }) => loss !== 0);
      const values = ratios(lossy, "goodput", beside(rows, "goodput", "newreno", ["rtt", "loss"]));
      if (values.length < 3) return undefined;
      const all = values.map(({ ratio }) => ratio);
      return { ours: `${range(all, 2)} times NewReno's`, met: Math.min(...all) >= 1 };
    },
  },
  {
    name: "BBR is faster than CUBIC with random loss",
    source: "draft-ietf-ccwg-bbr, abstract",
    theirs:
      "substantially higher throughput with random losses; here at least twice CUBIC's with 1 % and 60 ms or more",
    judge(rows) {
      const lossy = rowsOf(rows, "random-loss", { recovery: "bbr", loss: 1 }).filter(({ rtt }) => Number(rtt) >= 60);
      const found = ratios(lossy, "goodput", beside(rows, "goodput", "cubic", ["rtt", "loss"]));
      if (found.length < 2) return undefined;
      const values = found.map(({ ratio }) => ratio);
      return { ours: `${range(values, 1)} times CUBIC's`, met: Math.min(...values) >= 2 };
    },
  },
  {
    name: "BBR does not notice random loss below its threshold",
    source: "draft-ietf-ccwg-bbr, BBRLossThresh = 2 %",
    theirs: "such losses are no signal; here at least 80 % of the goodput without loss, of what arrives",
    judge(rows) {
      const lossy = rowsOf(rows, "random-loss", { recovery: "bbr" }).filter(
        ({ loss }) => Number(loss) > 0 && Number(loss) < 2,
      );
      const lossless = (row: Row) =>
        figureOf(rows, "random-loss", "goodput", { recovery: "bbr", rtt: row.rtt!, loss: 0 });
      const found = ratios(lossy, "goodput", lossless);
      if (found.length === 0) return undefined;
      // What is lost cannot arrive. In a small window, one packet is already more than the threshold.
      const values = found.map(({ row, ratio }) => (100 * ratio) / (1 - Number(row.loss) / 100));
      return { ours: `${range(values, 0, "%")} with losses up to 1 %`, met: Math.min(...values) >= 80 };
    },
  },
  {
    name: "A lost last packet is retransmitted after a probe timeout",
    source: "RFC 9002 §6.2.1",
    theirs: "after smoothed RTT + 4 × its variation + max_ack_delay",
    judge(rows) {
      const found = rowsOf(rows, "tail-loss").filter(({ probeTimeout }) => probeTimeout !== null);
      if (found.length === 0) return undefined;
      const late = found.map(({ delay, probeTimeout }) => Number(delay) - Number(probeTimeout));
      const delays = found.map(({ delay }) => Number(delay));
      // One millisecond is the grain of timers (RFC 9002 §6.1.2).
      return {
        ours: `the download ends ${range(delays, 0, "ms")} later, at most ${Math.max(...late).toFixed(1)} ms after the probe timeout`,
        met: Math.max(...late) <= 1,
      };
    },
  },
  {
    name: "TCP's retransmission timer takes at least a second",
    source: "RFC 6298 §2.4",
    theirs: "a timeout of at least 1 s; Linux allows 200 ms",
    judge(rows) {
      const delaysOf = (recovery: string) => rowsOf(rows, "tail-loss", { recovery }).map(({ delay }) => Number(delay));
      const [classic, linux] = [delaysOf("classic"), delaysOf("classic-200ms")];
      if (classic.length === 0 || linux.length === 0) return undefined;
      return {
        ours: `classic TCP ends ${range(classic, 0, "ms")} later; with a minimum of 200 ms, ${range(linux, 0, "ms")}`,
        met: Math.min(...classic) >= 1_000 && Math.min(...linux) >= 200,
      };
    },
  },
  {
    name: "HyStart++ leaves slow start before a long queue overflows",
    source: "RFC 9406 §4",
    theirs: "no loss in slow start if the queue is long (here 8 bandwidth-delay products)",
    judge(rows) {
      const long = rowsOf(rows, "slow-start", { queue: 8 });
      const droppedBy = (recovery: string) => figureOf(long, "slow-start", "dropped", { recovery, queue: 8 });
      const [newreno, cubic, classic] = ["newreno", "cubic", "classic"].map(droppedBy);
      if (newreno === undefined || cubic === undefined || classic === undefined) return undefined;
      return {
        ours: `${newreno} packets lost with NewReno, ${cubic} with CUBIC; ${classic} with classic TCP, which has no HyStart++`,
        met: newreno === 0 && cubic === 0,
      };
    },
  },
  {
    name: "HyStart++ overshoots less where the queue is shorter",
    source: "RFC 9406 §4",
    theirs: "fewer losses than slow start without it",
    judge(rows) {
      const found = ["newreno", "cubic"].flatMap((recovery) =>
        ratios(
          rowsOf(rows, "slow-start", { recovery }).filter(({ queue }) => Number(queue) < 8),
          "dropped",
          beside(rows, "dropped", "classic", ["queue"]),
        ),
      );
      if (found.length === 0) return undefined;
      const each = found
        .filter(({ row }) => row.recovery === "cubic")
        .map(({ row, ratio }) => `${(100 * ratio).toFixed(0)} % at ${row.queue} BDP`);
      return { ours: `of classic TCP's losses: ${each.join(", ")}`, met: found.every(({ ratio }) => ratio < 1) };
    },
  },
  {
    name: "BBR keeps long queues short",
    source: "draft-ietf-ccwg-bbr, abstract",
    theirs: "substantially lower queueing delays with deep buffers; here at most half of CUBIC's from 4 BDP on",
    judge(rows) {
      const long = rowsOf(rows, "slow-start", { recovery: "bbr" }).filter(({ queue }) => Number(queue) >= 4);
      const found = ratios(long, "queueing", beside(rows, "queueing", "cubic", ["queue"]));
      if (found.length === 0) return undefined;
      const each = found.map(({ row, ratio }) => `${(100 * ratio).toFixed(0)} % at ${row.queue} BDP`);
      return { ours: `of CUBIC's delay: ${each.join(", ")}`, met: found.every(({ ratio }) => ratio <= 0.5) };
    },
  },
  {
    name: "Without reordering, nothing is declared lost that arrives",
    source: "RFC 9002 §6.1",
    theirs: "no spurious losses",
    judge(rows) {
      const found = OURS.flatMap((recovery) => rowsOf(rows, "random-loss", { recovery }));
      if (found.length === 0) return undefined;
      const sum = (name: string) => found.reduce((total, row) => total + Number(row[name]), 0);
      return {
        ours: `${sum("spurious").toFixed(0)} among ${sum("retransmissions").toFixed(0)} retransmissions`,
        met: sum("spurious") === 0,
      };
    },
  },
  {
    name: "Reordering costs little",
    source: "RFC 9002 §6.1.1 (a threshold that adapts), RFC 9438 §4.9 (spurious congestion events)",
    theirs: "spurious losses are detected and undone; here at least 90 % of the goodput without reordering",
    judge(rows) {
      const relative = (recovery: string) =>
        ratios(rowsOf(rows, "reordering", { recovery }), "goodput", () =>
          figureOf(rows, "reordering", "goodput", { recovery, held: 0 }),
        ).map(({ ratio }) => 100 * ratio);
      const ours = OURS.flatMap(relative);
      const classic = relative("classic");
      if (ours.length === 0 || classic.length === 0) return undefined;
      return {
        ours: `at least ${Math.min(...ours).toFixed(0)} %; classic TCP, with a fixed threshold of 3, ${Math.min(...classic).toFixed(0)} %`,
        met: Math.min(...ours) >= 90,
      };
    },
  },
];
