/** Fills in the time that lines name by parts, and the texts that vectors hold instead of Chromium's objects. */

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
  const { year, month, day } = civil(Math.floor(seconds / 86_400));
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

/** The date of a day since 1970, in a calendar whose years begin in March and whose cycles are of 400 years. */
function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * ofYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
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
