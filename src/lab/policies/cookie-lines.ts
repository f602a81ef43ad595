/** Fills in the time that lines name by parts, and the texts that vectors hold instead of Chromium's objects. */

import { dateOfDays } from "../../base/calendar.ts";

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** How far ahead the time of the placeholders is, in milliseconds. */
export const AHEAD = 30 * 24 * 3_600 * 1_000;

/** Replaces `{dd}` and its kind by the parts of the time `AHEAD` of `now`, in whole seconds. */
export function fillLine(line: string, now: number): string {
  const seconds = Math.floor((now + AHEAD) / 1_000);
  const { year, month, day } = dateOfDays(Math.floor(seconds / 86_400));
  const two = (value: number): string => String(value).padStart(2, "0");
  const name = MONTHS[month - 1]!;
  const parts: Readonly<Record<string, string>> = {
    dd: two(day),
    d: String(day),
    Mon: name.slice(0, 3),
    Month: name,
    yyyy: String(year),
    yy: two(year % 100),
    hh: two(Math.floor(seconds / 3_600) % 24),
    mm: two(Math.floor(seconds / 60) % 60),
    ss: two(seconds % 60),
  };
  return line.replace(/\{(\w+)\}/g, (whole, part: string) => parts[part] ?? whole);
}

/** A cookie as vectors hold it; members with their usual value are left out. */
export interface VectorCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly hostOnly?: true;
  readonly path: string;
  readonly secure?: true;
  readonly httpOnly?: true;
  readonly sameSite?: string;
  /** Top-level site, and ` cross-site` if a frame of another site lies between. */
  readonly partition?: string;
  /** Seconds until it expires. */
  readonly lives?: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const NON_ASCII = /[^\x00-\x7f]/;

/** The cookie without the texts that CDP changes if the line is not ASCII. */
export const masked = (cookie: VectorCookie, line: string): VectorCookie =>
  NON_ASCII.test(line) ? { ...cookie, name: "", value: "", path: "" } : cookie;
