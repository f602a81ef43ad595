/**
 * The clock and timers for drivers of machines, in Node and in browsers. Defaults to those of this process; the test kit provides virtual time.
 */

import type { Instant } from "../base/time.ts";

/** A started timer, compatible with Node's. */
export interface HostTimer {
  ref(): unknown;
  unref(): unknown;
  /** Restarts the timer with its full duration. */
  refresh(): unknown;
}

/** A clock and its timers, so that time may be virtual. */
export interface HostClock {
  /** Monotonic time. */
  now(): Instant;
  /** Milliseconds since 1970, for dates. */
  date(): number;
  startTimer(callback: () => void, milliseconds: number): HostTimer;
  stopTimer(timer: HostTimer | undefined): void;
  /** Calls back after this event loop turn. */
  defer(callback: () => void): void;
}

/** The process's clock: microseconds since it started. */
export const systemClock: HostClock = {
  now: () => Math.floor(performance.now() * 1_000) as Instant,
  date: () => Date.now(),
  startTimer: (callback, milliseconds) => setTimeout(callback, milliseconds),
  stopTimer: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  defer: (callback) => void setImmediate(callback),
};

/** The clock's time in milliseconds, like `performance.now()`. */
export const millisNow = (clock: HostClock): number => clock.now() / 1_000;

/** The time since 1970, for what outlives the process. */
export const wallTime = (clock: HostClock): Instant => Math.floor(clock.date() * 1_000) as Instant;
