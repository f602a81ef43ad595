/** HTTP-date (RFC 9110 §5.6.7), as milliseconds since 1970. */

import { dateOfDays, daysSince1970, isDate } from "../base/calendar.ts";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const LONG_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY = 86_400_000;

const [NAME, LONG_NAME, MONTH] = [DAYS, LONG_DAYS, MONTHS].map((names) => names.join("|"));
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
const IMF_FIXDATE = new RegExp(`^(?:${NAME}), (?<day>\\d\\d) (?<month>${MONTH}) (?<year>\\d{4}) ${TIME} GMT$`);
const RFC_850 = new RegExp(`^(?:${LONG_NAME}), (?<day>\\d\\d)-(?<month>${MONTH})-(?<year>\\d\\d) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^(?:${NAME}) (?<month>${MONTH}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`);

/**
 * Parses all three forms; undefined for anything else. `now` is in milliseconds since 1970: it gives years of two digits their
 * century. A day's name that does not fit the date is ignored.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const parts = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups;
  if (parts === undefined) return undefined;
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const year = parts.year!.length === 4 ? Number(parts.year) : fullYear(Number(parts.year), now);
  const date = { year, month: MONTHS.indexOf(parts.month!) + 1, day };
  // RFC 9110 §5.6.7 takes its seconds from RFC 5322, where one may be a leap second.
  if (!isDate(date) || hour > 23 || minute > 59 || second > 60) return undefined;
  return daysSince1970(date) * DAY + ((hour * 60 + minute) * 60 + second) * 1_000;
}

/** RFC 9110 §5.6.7: a year that seems more than 50 years in the future is the latest one in the past with these digits. */
function fullYear(twoDigits: number, now: number): number {
  const current = dateOfDays(Math.floor(now / DAY)).year;
  const year = current - (current % 100) + twoDigits;
  return year > current + 50 ? year - 100 : year;
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");

/** IMF-fixdate, the only form to send. Drops fractions of a second. */
export function formatHttpDate(time: number): string {
  const days = Math.floor(time / DAY);
  const { year, month, day } = dateOfDays(days);
  const seconds = Math.floor((time - days * DAY) / 1_000);
  const clock = `${two(seconds / 3_600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  // 1 January 1970 was a Thursday.
  const name = DAYS[(((days + 4) % 7) + 7) % 7];
  return `${name}, ${two(day)} ${MONTHS[month - 1]} ${String(year).padStart(4, "0")} ${clock} GMT`;
}
