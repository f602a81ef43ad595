/**
 * curl's file of alternative services: a line for each, such as `h2 example.com 443 h3 alt.example.com 8443 "20271231 23:59:59" 1 0`: the
 * protocol, host and port of the origin, those of the alternative, when it expires, whether it persists, and a priority, always 0.
 */

import { ipVersion } from "../wire/ip-address.ts";
import { parseCurlDate, printCurlDate } from "./curl-date.ts";

/** The protocol over which an origin advertised something, as ALPN. */
export type OriginProtocol = "http/1.1" | "h2" | "h3";

/** An alternative service of an origin (RFC 7838). */
export interface AltSvcEntry {
  /** Of the origin, without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** The protocol over which it was advertised. */
  readonly learnedOver: OriginProtocol;
  readonly alternative: {
    /** As ALPN. Only "h3" is followed; others are kept. */
    readonly protocol: string;
    readonly host: string;
    readonly port: number;
  };
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** True if it outlasts a change of the network (RFC 7838 §3.1). */
  readonly persists: boolean;
}

/** What a file says, and the lines that say nothing. */
export interface AltSvcFile {
  readonly entries: readonly AltSvcEntry[];
  /** The first of them. */
  readonly problems: readonly { readonly line: number; readonly problem: string }[];
  /** The number of lines that cannot be read, or are too many. */
  readonly rejected: number;
}

/** curl's own limits. */
const MAX_LINE = 4_095;
const MAX_ENTRIES = 5_000;
const MAX_PROBLEMS = 5;

const HEADING = [
  "# Alternative services (Alt-Svc), in curl's format.",
  "# This file is written by nagare get --alt-svc. Edit at your own risk.",
];
const LINE = /^(\S+) +(\S+) +(\d+) +(\S+) +(\S+) +(\d+) +"([^"]*)" +(\d+) +(\d+)$/;
/** curl's names of protocols, where they are not those of ALPN. */
const CURL_NAMES: Readonly<Record<string, string>> = { "http/1.1": "h1" };

/** Reads a file. Lines that cannot be read are left out and reported. */
export function parseAltSvcFile(text: string): AltSvcFile {
  const entries: AltSvcEntry[] = [];
  const problems: { line: number; problem: string }[] = [];
  let rejected = 0;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const entry = entries.length < MAX_ENTRIES ? parseLine(line) : `there are more than ${MAX_ENTRIES} entries`;
    if (typeof entry !== "string") {
      entries.push(entry);
      continue;
    }
    rejected += 1;
    if (problems.length < MAX_PROBLEMS) problems.push({ line: index + 1, problem: entry });
  }
  return { entries, problems, rejected };
}

/** An entry, or what is wrong. */
function parseLine(line: string): AltSvcEntry | string {
  const match = line.length > MAX_LINE ? null : LINE.exec(line);
  if (match === null) return "it has not nine fields";
  const [, over, host, port, protocol, altHost, altPort, date, persist] = match as unknown as string[];
  const learnedOver = over === "h1" ? "http/1.1" : over;
  if (learnedOver !== "http/1.1" && learnedOver !== "h2" && learnedOver !== "h3") return `${over} is not h1, h2 or h3`;
  const [from, to] = [parseHost(host!), parseHost(altHost!)];
  if (from === undefined || to === undefined) return `${from === undefined ? host : altHost} is not a host`;
  const [fromPort, toPort] = [Number(port), Number(altPort)];
  if (!isPort(fromPort) || !isPort(toPort)) return `${isPort(fromPort) ? altPort : port} is not a port`;
  const expires = parseCurlDate(date!);
  if (expires === undefined) return `"${date}" is not a date such as "20271231 23:59:59"`;
  if (persist !== "0" && persist !== "1") return `${persist} is neither 0 nor 1`;
  return {
    host: from,
    port: fromPort,
    learnedOver,
    alternative: { protocol: protocol === "h1" ? "http/1.1" : protocol!, host: to, port: toPort },
    expires,
    persists: persist === "1",
  };
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

function parseHost(text: string): string | undefined {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  if (bracketed !== undefined) return ipVersion(bracketed) === 6 ? bracketed : undefined;
  return /^[\w.-]{1,255}$/.test(text) ? text.toLowerCase() : undefined;
}

/** The text of a file that curl reads, too. */
export function printAltSvcFile(entries: readonly AltSvcEntry[]): string {
  const hostText = (host: string): string => (host.includes(":") ? `[${host}]` : host);
  const name = (protocol: string): string => CURL_NAMES[protocol] ?? protocol;
  const lines = entries.map(({ host, port, learnedOver, alternative, expires, persists }) => {
    const from = `${name(learnedOver)} ${hostText(host)} ${port}`;
    const to = `${name(alternative.protocol)} ${hostText(alternative.host)} ${alternative.port}`;
    return `${from} ${to} "${printCurlDate(Math.round(expires / 1_000) * 1_000)}" ${persists ? 1 : 0} 0`;
  });
  return [...HEADING, ...lines, ""].join("\n");
}
