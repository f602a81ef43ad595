/** Times when nothing passes. */

import type { Instant, Micros } from "../time.ts";

/** Passes everything for `on`, then nothing for `off`, repeatedly; or passes nothing in the given intervals. */
export type Blackhole =
  | { readonly on: Micros; readonly off: Micros }
  | { readonly intervals: readonly (readonly [from: Instant, to: Instant])[] };

export function isBlackedOut(blackhole: Blackhole, now: Instant): boolean {
  if ("intervals" in blackhole) return blackhole.intervals.some(([from, to]) => from <= now && now < to);
  return now % (blackhole.on + blackhole.off) >= blackhole.on;
}
