// The result of a run, as JSON for scripts.
import { type Micros, toMillis, toSeconds } from "../../base/time.ts";
import { type LoadOptions, type LoadReport, perSecond } from "../../client/load/index.ts";
import type { Histogram } from "../../load/index.ts";

export const PERCENTILES = [0.5, 0.75, 0.9, 0.99, 0.999] as const;

/** Milliseconds. */
export function summaryOf(histogram: Histogram) {
  const round = (value: number): number => Math.round(value * 1_000) / 1_000;
  return {
    count: histogram.count,
    min: toMillis(histogram.min),
    mean: round(histogram.mean / 1_000),
    ...Object.fromEntries(
      PERCENTILES.map((share) => [`p${`${share * 100}`.replace(".", "_")}`, toMillis(histogram.percentile(share))]),
    ),
    max: toMillis(histogram.max),
  };
}

/** Rates are per second, times in milliseconds unless they are named otherwise. */
export function resultOf(options: LoadOptions, report: LoadReport) {
  const { url, method, connections, streams, rate } = options;
  const { protocol, duration, started, completed, failed, unfinished, unsent, received, sent } = report;
  const rounded = (count: number): number => Math.round(perSecond(count, duration) * 10) / 10;
  return {
    url: url.href,
    protocol,
    method,
    connections,
    streams,
    loop: rate === undefined ? "closed" : "open",
    ...(rate === undefined ? {} : { rate }),
    seconds: toSeconds(duration),
    requests: { started, completed, failed, unfinished, unsent },
    requestsPerSecond: rounded(completed),
    bytes: { received, sent },
    bytesPerSecond: {
      received: Math.round(perSecond(received, duration)),
      sent: Math.round(perSecond(sent, duration)),
    },
    statuses: Object.fromEntries([...report.statuses].sort(([a], [b]) => a - b)),
    errors: report.errors,
    latency: { ...summaryOf(report.latency), histogram: binsOf(report.latency) },
    ...(rate === undefined ? {} : { service: summaryOf(report.service) }),
    connect: { opened: report.opened, failed: report.unopened, ...summaryOf(report.connecting) },
  };
}

/** [from, to, count], times in milliseconds. */
const binsOf = (histogram: Histogram): readonly (readonly [number, number, number])[] =>
  [...histogram.bins()].map(({ from, to, count }) => [toMillis(from), toMillis((to + 1) as Micros), count]);
