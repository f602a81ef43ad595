/** The moments of RRSIG records as text: YYYYMMDDHHmmSS in UTC, or seconds (RFC 4034 §3.2). */

import { dateOfDays, daysSince1970 } from "../base/calendar.ts";
import { PresentationError } from "./errors.ts";

const DAY = 86_400;

export function parseDate(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
  if (match === null) {
    if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text);
    throw new PresentationError(`${text} is not a time: write YYYYMMDDHHmmSS`);
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const total = daysSince1970({ year, month, day }) * DAY + hour * 3_600 + minute * 60 + second;
  // RFC 4034 §3.1.5: serial number arithmetic, so 2106 wraps around; a field out of range does not survive printing.
  if (total < 0 || total > 0xffff_ffff || dateText(total) !== text)
    throw new PresentationError(`${text} is not a time`);
  return total;
}

export function dateText(seconds: number): string {
  const { year, month, day } = dateOfDays(Math.floor(seconds / DAY));
  const rest = seconds % DAY;
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}${two(month)}${two(day)}${two(Math.floor(rest / 3_600))}${two(Math.floor(rest / 60) % 60)}${two(rest % 60)}`;
}
