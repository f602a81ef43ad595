/** curl's file of hosts with HSTS: a line for each, such as `.example.com "20271231 23:59:59"`. */

import { dateOfDays, daysSince1970 } from "../../base/calendar.ts";
import type { HstsEntry } from "./store.ts";

const DAY = 86_400_000;

const HEADING = [
  "# The hosts that are reached over TLS only (HSTS), in curl's format.",
  "# This file is written by nagare get --hsts. Edit at your own risk.",
];
const LINE = /^(\.?)([^\s".][^\s"]*)\s+"(?:(unlimited)|(\d{4})(\d\d)(\d\d) (\d\d):(\d\d):(\d\d))"$/;

/** Lines that cannot be read are left out, as in curl. */
export function parseHstsFile(text: string): HstsEntry[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = LINE.exec(line.trim());
    if (match === null) return [];
    const [, dot, host, unlimited, ...date] = match;
    const expires = unlimited === undefined ? millisecondsOf(date.map(Number)) : Number.POSITIVE_INFINITY;
    return [{ host: host!, expires, includesSubdomains: dot === "." }];
  });
}

function millisecondsOf([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[]): number {
  return daysSince1970({ year, month, day }) * DAY + (hour * 3_600 + minute * 60 + second) * 1_000;
}

export function printHstsFile(entries: readonly HstsEntry[]): string {
  const lines = entries.map(({ host, expires, includesSubdomains }) => {
    const until = expires === Number.POSITIVE_INFINITY ? "unlimited" : printDate(expires);
    return `${includesSubdomains ? "." : ""}${host} "${until}"`;
  });
  return [...HEADING, ...lines, ""].join("\n");
}

function printDate(milliseconds: number): string {
  const { year, month, day } = dateOfDays(Math.floor(milliseconds / DAY));
  const seconds = Math.floor((milliseconds % DAY) / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${year}${two(month)}${two(day)} ${time}`;
}
