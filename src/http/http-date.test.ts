import fc from "fast-check";
import { expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { formatHttpDate, parseHttpDate } from "./http-date.ts";

const NOW = Date.UTC(2026, 5, 1);
const at = Date.UTC(1994, 10, 6, 8, 49, 37);

test.each([
  // RFC 9110 §5.6.7: the three forms of one moment.
  ["Sun, 06 Nov 1994 08:49:37 GMT", at],
  ["Sunday, 06-Nov-94 08:49:37 GMT", at],
  ["Sun Nov  6 08:49:37 1994", at],
  ["Wednesday, 01-Jan-76 00:00:00 GMT", Date.UTC(2076, 0)],
  ["Friday, 01-Jan-77 00:00:00 GMT", Date.UTC(1977, 0)],
  ["Thu, 29 Feb 2024 00:00:00 GMT", Date.UTC(2024, 1, 29)],
  ["Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2017, 0)],
  ["Mon, 06 Nov 1994 08:49:37 GMT", at], // the name of another day
])("%s is a date", (text, time) => expect(parseHttpDate(text, NOW)).toBe(time));

test.each([
  "",
  "tomorrow",
  "2026-12-31",
  "1767225600",
  "@1767225600",
  "Sun, 6 Nov 1994 08:49:37 GMT",
  "Sun, 06 nov 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 08:49:37",
  "Sun, 06 Nov 1994 08:49:37 UTC",
  "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
  "Sun, 29 Feb 2026 00:00:00 GMT",
  "Sun, 31 Apr 2026 00:00:00 GMT",
  "Sun, 00 Nov 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 24:00:00 GMT",
  "Sun, 06 Nov 1994 08:60:00 GMT",
  "Sun, 06 Nov 1994 08:49:61 GMT",
  "Sun, 06 Nov 19940 08:49:37 GMT",
])("%j is none", (text) => expect(parseHttpDate(text, NOW)).toBeUndefined());

test("dates are written as Node writes them, and read again", () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 11, 31) }), (time) => {
      const text = formatHttpDate(time);
      expect(text).toBe(new Date(time).toUTCString());
      expect(parseHttpDate(text, NOW)).toBe(Math.floor(time / 1_000) * 1_000);
    }),
    { numRuns: runs(200) },
  );
});
