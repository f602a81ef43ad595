/** curl's file of hosts with HSTS: a line for each, such as `.example.com "20271231 23:59:59"`. */

import { parseCurlDate, printCurlDate } from "../curl-date.ts";
import type { HstsEntry } from "./store.ts";

const HEADING = [
  "# The hosts that are reached over TLS only (HSTS), in curl's format.",
  "# This file is written by nagare get --hsts. Edit at your own risk.",
];
const LINE = /^(\.?)([^\s".][^\s"]*)\s+"([^"]*)"$/;

/** Lines that cannot be read are left out, as in curl. */
export function parseHstsFile(text: string): HstsEntry[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = LINE.exec(line.trim());
    if (match === null) return [];
    const [, dot, host, until] = match;
    const expires = until === "unlimited" ? Number.POSITIVE_INFINITY : parseCurlDate(until!);
    return expires === undefined ? [] : [{ host: host!, expires, includesSubdomains: dot === "." }];
  });
}

export function printHstsFile(entries: readonly HstsEntry[]): string {
  const lines = entries.map(({ host, expires, includesSubdomains }) => {
    const until = expires === Number.POSITIVE_INFINITY ? "unlimited" : printCurlDate(expires);
    return `${includesSubdomains ? "." : ""}${host} "${until}"`;
  });
  return [...HEADING, ...lines, ""].join("\n");
}
