/**
 * Time is an argument: a whole number of microseconds, branded so that an instant and a duration cannot be confused. No
 * file below `host/` reads a clock; the driver of a machine passes the time.
 */

declare const instantBrand: unique symbol;
declare const microsBrand: unique symbol;

/** A point on the driver's clock, in whole microseconds since an origin chosen by the driver. */
export type Instant = number & { readonly [instantBrand]: true };

/** A duration in whole microseconds. */
export type Micros = number & { readonly [microsBrand]: true };

export const micros = (count: number): Micros => Math.round(count) as Micros;
export const millis = (count: number): Micros => Math.round(count * 1_000) as Micros;
export const seconds = (count: number): Micros => Math.round(count * 1_000_000) as Micros;

export const toMillis = (span: Micros): number => span / 1_000;
export const toSeconds = (span: Micros): number => span / 1_000_000;

/** An instant from a driver's clock, rounded up so that a deadline is never met early. */
export const instant = (count: number): Instant => Math.ceil(count) as Instant;

export const after = (from: Instant, span: Micros): Instant => (from + span) as Instant;
export const since = (from: Instant, now: Instant): Micros => (now - from) as Micros;

/** The earlier of two deadlines, either of which may be absent. */
export function earliest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return a < b ? a : b;
}
