// --trace: the exchange as an aligned waterfall, with facts about the connection below it.
//
//   GET https://example.com/ → 200 over HTTP/3 (93.184.216.34 port 443)
//
//   lookup      ━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌   1.20 ms
//   handshake   ╌╌╌━━━━━━━╌╌╌╌╌╌╌╌╌╌╌   3.40 ms
import type { ExchangeFacts } from "../../client/index.ts";
import type { Colors } from "../io.ts";
import { barsOf, decisionLines } from "./decisions.ts";
import { bytes, duration, PROTOCOL_NAMES } from "./units.ts";

interface Phase {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly paint: (text: string) => string;
}

export interface TraceStyle {
  readonly colors: Colors;
  readonly width: number;
}

const NAME_WIDTH = 11;
const TIME_WIDTH = 10;
/** Milliseconds. Shorter waits are not shown. */
const MIN_WAIT = 5;

export function traceLines(
  response: Response,
  facts: ExchangeFacts,
  redirects: readonly ExchangeFacts[],
  style: TraceStyle,
): string[] {
  const { colors } = style;
  const { status, protocol } = facts;
  const paintStatus = status < 400 ? colors.green : colors.red;
  const lines = redirects.map(
    (hop) =>
      `${hop.method} ${hop.url} ${colors.dim("→")} ${colors.yellow(String(hop.status))} over ${PROTOCOL_NAMES[hop.protocol]}`,
  );
  lines.push(
    `${facts.method} ${colors.bold(facts.url)} ${colors.dim("→")} ${paintStatus(colors.bold(String(status)))} over ` +
      `${colors.bold(PROTOCOL_NAMES[protocol])} ${colors.dim(`(${facts.remoteAddress} port ${facts.remotePort})`)}`,
    "",
    ...waterfall([...phasesOf(facts, colors), ...racePhases(facts, colors)], style),
    "",
    ...raceLines(facts, colors),
    ...connectionLines(response, facts, colors),
  );
  return lines;
}

/** The phases in order. A reused connection has neither lookup nor handshake. */
function phasesOf(facts: ExchangeFacts, colors: Colors): Phase[] {
  const { connection, timings } = facts;
  const phases: Phase[] = [];
  const add = (name: string, start: number | undefined, end: number | undefined, paint: Phase["paint"]) => {
    if (start !== undefined && end !== undefined && end >= start) phases.push({ name, start, end, paint });
  };
  if (!facts.reused && connection.lookupStart >= timings.start) {
    // HTTP/3 was tried alone first, or an earlier attempt failed.
    const idle = connection.lookupStart - timings.start;
    if (idle > MIN_WAIT) add("waiting", timings.start, connection.lookupStart, colors.dim);
    add("lookup", connection.lookupStart, connection.lookupEnd, colors.cyan);
    add("connect", connection.connectStart, connection.connectEnd, colors.yellow);
    add("handshake", connection.handshakeStart, connection.handshakeEnd, colors.magenta);
  } else {
    add("waiting", timings.start, timings.requestStart, colors.dim);
  }
  const sent = Math.min(timings.requestEnd ?? timings.requestStart, timings.responseStart);
  add("request", timings.requestStart, sent, colors.blue);
  add("first byte", sent, timings.responseStart, colors.green);
  add("transfer", timings.responseStart, timings.responseEnd, colors.green);
  return phases;
}

/** The questions and attempts of Happy Eyeballs. */
function racePhases({ decisions, timings }: ExchangeFacts, colors: Colors): Phase[] {
  const paints = { question: colors.cyan, connected: colors.green, failed: colors.red, cancelled: colors.dim };
  return barsOf(decisions)
    .filter(({ start }) => start >= timings.start)
    .map(({ name, start, end, kind }) => ({ name, start, end, paint: paints[kind] }));
}

function raceLines({ decisions, timings }: ExchangeFacts, colors: Colors): string[] {
  if (decisions.length === 0) return [];
  return [...decisionLines(decisions, timings.start).map((line) => `  ${colors.dim(line)}`), ""];
}

function waterfall(phases: readonly Phase[], { colors, width }: TraceStyle): string[] {
  const begin = Math.min(...phases.map(({ start }) => start));
  const end = Math.max(...phases.map((phase) => phase.end));
  const cells = Math.max(16, Math.min(width, 100) - NAME_WIDTH - TIME_WIDTH - 6);
  const total = end - begin;
  const cellAt = (moment: number) => (total > 0 ? ((moment - begin) / total) * cells : 0);
  const lines = phases.map(({ name, start, end: phaseEnd, paint }) => {
    const from = Math.min(Math.floor(cellAt(start)), cells - 1);
    const length = Math.max(1, Math.min(Math.round(cellAt(phaseEnd)) - from, cells - from)); // even a short phase is visible
    const bar =
      colors.dim("╌".repeat(from)) + paint("━".repeat(length)) + colors.dim("╌".repeat(cells - from - length));
    return `  ${name.padEnd(NAME_WIDTH)} ${bar} ${duration(phaseEnd - start).padStart(TIME_WIDTH)}`;
  });
  const sum = `  ${"total".padEnd(NAME_WIDTH)} ${" ".repeat(cells)} ${duration(total).padStart(TIME_WIDTH)}`;
  return [...lines, colors.bold(sum)];
}

const UPGRADES = { hsts: "HSTS", "https-records": "HTTPS records" } as const;

function connectionLines(response: Response, facts: ExchangeFacts, colors: Colors): string[] {
  const stats = facts.stats();
  const { timings, contentBytes } = facts;
  const rows: [string, string][] = [];
  const took = (timings.responseEnd ?? timings.responseStart) - timings.responseStart;
  const rate = took >= 1 && contentBytes > 0 ? `, ${bytes((contentBytes / took) * 1000)}/s` : "";
  const coding = response.headers.get("content-encoding");
  rows.push(["content", `${bytes(contentBytes)}${coding === null ? "" : ` (${coding})`}${rate}`]);
  const reused = facts.reused ? ", reused" : "";
  rows.push(["connection", `${bytes(stats.bytesSent)} sent, ${bytes(stats.bytesReceived)} received${reused}`]);
  rows.push(["streams", `request ${stats.requests} on this connection`]);
  if (stats.rtt !== undefined) {
    rows.push([
      "RTT",
      `${duration(stats.rtt)}${stats.minRtt === undefined ? "" : `, minimum ${duration(stats.minRtt)}`}`,
    ]);
  }
  if (stats.packetsSent !== undefined) {
    const { packetsSent, packetsReceived = 0, packetsLost = 0 } = stats;
    const share = packetsSent > 0 ? ` (${((packetsLost / packetsSent) * 100).toFixed(1)} %)` : "";
    rows.push(["packets", `${packetsSent} sent, ${packetsReceived} received`]);
    rows.push(["loss", packetsLost === 0 ? "none" : colors.red(`${packetsLost} packets${share}`)]);
  }
  if (stats.congestionWindow !== undefined) rows.push(["window", bytes(stats.congestionWindow)]);
  if (stats.datagramSize !== undefined) rows.push(["datagrams", `up to ${bytes(stats.datagramSize)}`]);
  for (const [name, value] of Object.entries(stats.details)) rows.push([name, String(value)]);
  if (facts.upgradedBy !== undefined) rows.push(["upgraded", `to https, by ${UPGRADES[facts.upgradedBy]}`]);
  if (facts.attempts > 1) rows.push(["attempts", String(facts.attempts)]);
  for (const [name, value] of facts.trailers) rows.push([`trailer`, `${name}: ${value}`]);
  const width = Math.max(NAME_WIDTH, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${colors.dim(name.padEnd(width))} ${value}`);
}
