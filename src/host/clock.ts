/**
 * The host's clock, as those who drive machines are given it: what time it is, and when to be called. This process's own
 * by default; the test kit brings a virtual one.
 */

import { performance } from "node:perf_hooks";
import type { Instant } from "../base/time.ts";

/** What starting a timer gives: Node's own has this shape. */
export interface HostTimer {
  ref(): unknown;
  unref(): unknown;
  /** Starts it again with its full length. */
  refresh(): unknown;
}

export interface HostClock {
  /** Never goes backwards. */
  now(): Instant;
  /** Milliseconds since 1970, for dates that others read. */
  date(): number;
  startTimer(callback: () => void, milliseconds: number): HostTimer;
  stopTimer(timer: HostTimer | undefined): void;
  /** Calls back when this turn of the event loop is over. */
  defer(callback: () => void): void;
}

/** Microseconds since this process started. */
export const systemClock: HostClock = {
  now: () => Math.floor(performance.now() * 1_000) as Instant,
  date: () => Date.now(),
  startTimer: (callback, milliseconds) => setTimeout(callback, milliseconds),
  stopTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  defer: (callback) => void setImmediate(callback),
};

/** The same in milliseconds, as `performance.now()` counts. */
export const millisNow = (clock: HostClock): number => clock.now() / 1_000;
