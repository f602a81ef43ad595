/** The dates in curl's files: `20271231 23:59:59`, in UTC. */

import { dateOfDays, daysSince1970, isDate } from "../base/calendar.ts";

const DAY = 86_400_000;
const DATE = /^(\d{4})(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)$/;

/** Milliseconds since 1970; undefined for what is no date. */
export function parseCurlDate(text: string): number | undefined {
  const [year, month, day, hour, minute, second] = (DATE.exec(text) ?? []).slice(1).map(Number);
  if (second === undefined || hour! > 23 || minute! > 59 || second > 60) return undefined;
  const date = { year: year!, month: month!, day: day! };
  return isDate(date) ? daysSince1970(date) * DAY + (hour! * 3_600 + minute! * 60 + second) * 1_000 : undefined;
}

/** `milliseconds` is since 1970. */
export function printCurlDate(milliseconds: number): string {
  const { year, month, day } = dateOfDays(Math.floor(milliseconds / DAY));
  const seconds = Math.floor((milliseconds % DAY) / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const time = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${String(year).padStart(4, "0")}${two(month)}${two(day)} ${time}`;
}
