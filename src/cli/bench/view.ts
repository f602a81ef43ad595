// A run for people: a live view on a terminal, and the report at the end.
import { type Micros, toMillis, toSeconds } from "../../base/time.ts";
import { type LoadOptions, type LoadProgress, type LoadReport, perSecond } from "../../client/load/index.ts";
import type { Histogram } from "../../load/index.ts";
import { bytes, duration, PROTOCOL_NAMES } from "../get/units.ts";
import type { Colors, Output } from "../io.ts";
import { PERCENTILES } from "./result.ts";

const BAR = 24;
/** Lines of the distribution. */
const MAX_LINES = 14;

const number = (value: number): string => Math.round(value).toLocaleString("en-US");
const time = (value: Micros): string => duration(toMillis(value));
const plural = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;

export function headline({ url, protocol, connections, streams, rate }: LoadOptions): string {
  const loop = rate === undefined ? "closed loop" : `${number(rate)} requests/s`;
  const load = streams === 1 ? plural(connections, "connection") : `${connections} × ${streams} streams`;
  return `${url.href}  ${PROTOCOL_NAMES[protocol]}, ${load}, ${loop}`;
}

/** Redraws a few lines in place. */
export class LiveView {
  readonly #output: Output;
  readonly #options: LoadOptions;
  readonly #recent: { readonly elapsed: Micros; readonly completed: number }[] = [];
  #lines = 0;

  constructor(output: Output, options: LoadOptions) {
    this.#output = output;
    this.#options = options;
  }

  show(progress: LoadProgress): void {
    const lines = this.lines(progress);
    this.#output.write(`${this.#back()}${lines.map((line) => `\x1b[K${line}\n`).join("")}`);
    this.#lines = lines.length;
  }

  /** Removes it. */
  clear(): void {
    this.#output.write(`${this.#back()}\x1b[J`);
    this.#lines = 0;
  }

  lines(progress: LoadProgress): string[] {
    const { completed, failed, received, elapsed, backlog, inProgress, latency } = progress;
    const width = (this.#output.columns ?? 80) - 1;
    const late = backlog > 0 ? `, ${number(backlog)} overdue` : "";
    return [
      `${this.#bar(progress)}  ${plural(completed, "response")}, ${number(inProgress)} in progress${late}`,
      `${number(this.#rate(progress))}/s now, ${number(perSecond(completed, elapsed))}/s on average, ${bytes(perSecond(received, elapsed))}/s${failed > 0 ? `, ${number(failed)} failed` : ""}`,
      `latency ${percentiles(latency).join("  ")}`,
    ].map((line) => line.slice(0, width));
  }

  #back(): string {
    return this.#lines === 0 ? "" : `\x1b[${this.#lines}A\r`;
  }

  /** Over the last second. */
  #rate({ elapsed, completed }: LoadProgress): number {
    this.#recent.push({ elapsed, completed });
    while (this.#recent.length > 2 && elapsed - this.#recent[1]!.elapsed >= 1_000_000) this.#recent.shift();
    const first = this.#recent[0]!;
    return perSecond(completed - first.completed, (elapsed - first.elapsed) as Micros);
  }

  #bar({ elapsed, started }: LoadProgress): string {
    const { duration: total, count } = this.#options;
    const share = Math.min(
      1,
      Math.max(total === undefined ? 0 : elapsed / total, count === undefined ? 0 : started / count),
    );
    const filled = Math.round(share * BAR);
    return `${"━".repeat(filled)}${"╌".repeat(BAR - filled)} ${time(elapsed)}`;
  }
}

const nameOf = (share: number): string => `p${share * 100}`;

const percentiles = (histogram: Histogram): string[] => [
  ...PERCENTILES.map((share) => `${nameOf(share)} ${time(histogram.percentile(share))}`),
  `max ${time(histogram.max)}`,
];

export function reportLines(options: LoadOptions, report: LoadReport, colors: Colors): string[] {
  const {
    completed,
    failed,
    unfinished,
    unsent,
    received,
    sent,
    duration: span,
    latency,
    service,
    connecting,
  } = report;
  const rate = `${number(perSecond(completed, span))} requests/s`;
  const transfer = [`${bytes(perSecond(received, span))}/s received`];
  if (sent > 0) transfer.push(`${bytes(perSecond(sent, span))}/s sent`);
  const missing = [
    ...(failed > 0 ? [colors.red(`${number(failed)} failed`)] : []),
    ...(unfinished > 0 ? [`${number(unfinished)} unfinished`] : []),
    ...(unsent > 0 ? [colors.red(`${number(unsent)} due but not sent`)] : []),
  ];
  const rows: [string, Histogram][] = [["latency", latency]];
  if (options.rate !== undefined) rows.push(["service", service]);
  rows.push(["connect", connecting]);
  return [
    colors.bold(headline(options)),
    "",
    `${plural(completed, "response")} in ${toSeconds(span).toFixed(2)} s: ${colors.bold(rate)}, ${transfer.join(", ")}`,
    ...(missing.length === 0 ? [] : [missing.join(", ")]),
    `status ${statuses(report)}`,
    ...(report.unopened > 0 ? [`${plural(report.unopened, "attempt")} to connect failed`] : []),
    ...report.errors.map(({ code, count, message }) => colors.red(`${number(count)} × ${code}: ${message}`)),
    "",
    ...table(rows),
    ...(options.rate === undefined
      ? []
      : ["latency counts from when a request was due, service from when it was sent"]),
    "",
    ...distribution(latency, colors),
  ];
}

const statuses = ({ statuses: counts }: LoadReport): string =>
  counts.size === 0
    ? "–"
    : [...counts]
        .sort(([a], [b]) => a - b)
        .map(([status, count]) => `${status}: ${number(count)}`)
        .join(", ");

function table(rows: readonly (readonly [string, Histogram])[]): string[] {
  const cells = [
    ["", ...PERCENTILES.map(nameOf), "max"],
    ...rows.map(([name, histogram]) => [
      name,
      ...PERCENTILES.map((share) => time(histogram.percentile(share))),
      time(histogram.max),
    ]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  return cells.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
}

/** The share of requests up to each limit; the limits double, or grow faster if there would be too many. */
function distribution(latency: Histogram, colors: Colors): string[] {
  if (latency.count === 0) return [];
  const ranges: { to: number; count: number }[] = [];
  const first = Math.floor(Math.log2(Math.max(1, latency.min)));
  const last = Math.floor(Math.log2(Math.max(1, latency.max)));
  const step = Math.ceil((last - first + 1) / MAX_LINES);
  for (let exponent = first; exponent <= last; exponent += step) ranges.push({ to: 2 ** (exponent + step), count: 0 });
  for (const { from, count } of latency.bins()) ranges.find(({ to }) => from < to)!.count += count;
  const most = Math.max(...ranges.map(({ count }) => count));
  const limits = ranges.map(({ to }) => time(to as Micros));
  const width = Math.max(...limits.map((each) => each.length));
  return ranges.map(({ count }, i) => {
    const bar = "█".repeat(Math.ceil((count / most) * 32));
    return `< ${limits[i]!.padStart(width)}  ${((100 * count) / latency.count).toFixed(1).padStart(5)} %  ${colors.cyan(bar)}`.trimEnd();
  });
}
