/** Dates of the attribute Expires (RFC 6265bis §5.1.1): everything that servers ever wrote, as milliseconds since 1970. */

import { daysSince1970, isDate } from "../../base/calendar.ts";
import type { Profile } from "./cookie.ts";

/** %x09 / %x20-2F / %x3B-40 / %x5B-60 / %x7B-7E */
const DELIMITERS = /[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/;
const TIME = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/;
const DAY = /^(\d{1,2})(?:\D|$)/;
const YEAR = /^(\d{2,4})(?:\D|$)/;
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY_MILLISECONDS = 86_400_000;

interface DateParts {
  time?: readonly [hour: number, minute: number, second: number];
  day?: number;
  month?: number;
  year?: number;
}

/** Returns undefined if the text is not a date. */
export function parseCookieDate(text: string, profile: Profile = "rfc6265bis"): number | undefined {
  const parts: DateParts = {};
  const read = profile === "chromium" ? readLikeChromium : readToken;
  for (const token of text.split(DELIMITERS)) read(token, parts);
  const { time, day, month, year } = parts;
  if (time === undefined || day === undefined || month === undefined || year === undefined) return undefined;
  const full = year > 99 ? year : year < 70 ? year + 2_000 : year + 1_900;
  const [hour, minute, second] = time;
  // deviation: Chromium has no first year.
  if (full < 1_601 && profile === "rfc6265bis") return undefined;
  if (hour > 23 || minute > 59 || second > 59 || !isDate({ year: full, month: month + 1, day })) return undefined;
  return (
    daysSince1970({ year: full, month: month + 1, day }) * DAY_MILLISECONDS +
    ((hour * 60 + minute) * 60 + second) * 1_000
  );
}

/** RFC 6265bis §5.1.1: each token fills the first part that it fits and that is still missing. */
function readToken(token: string, parts: DateParts): void {
  let match: RegExpExecArray | null;
  if (parts.time === undefined && (match = TIME.exec(token)) !== null) {
    parts.time = [Number(match[1]), Number(match[2]), Number(match[3])];
  } else if (parts.day === undefined && (match = DAY.exec(token)) !== null) parts.day = Number(match[1]);
  else if (parts.month === undefined && isMonth(token)) parts.month = monthOf(token);
  else if (parts.year === undefined && (match = YEAR.exec(token)) !== null) parts.year = Number(match[1]);
}

/** deviation: Chromium takes numbers of any length in a time, years of up to five digits, and nothing that follows a number. */
function readLikeChromium(token: string, parts: DateParts): void {
  if (!/^\d/.test(token)) {
    if (parts.month === undefined && isMonth(token)) parts.month = monthOf(token);
  } else if (token.includes(":")) {
    const match = parts.time === undefined ? /^(\d+):(\d+):(\d+)$/.exec(token) : null;
    if (match !== null) parts.time = [Number(match[1]), Number(match[2]), Number(match[3])];
  } else if (/^\d+$/.test(token)) {
    if (parts.day === undefined && token.length <= 2) parts.day = Number(token);
    else if (parts.year === undefined && token.length <= 5) parts.year = Number(token);
  }
}

const isMonth = (token: string): boolean => monthOf(token) >= 0;
const monthOf = (token: string): number => MONTHS.indexOf(token.slice(0, 3).toLowerCase());
