/**
 * Durations given by users, and timers for them. Node's timers take at most 2^31 − 1 milliseconds and treat anything
 * else (NaN, Infinity, a month) as one millisecond.
 */

import { type HostClock, type HostTimer, systemClock } from "./clock.ts";

/** The longest duration of setTimeout, in milliseconds. */
export const LONGEST_TIMEOUT = 0x7fff_ffff;

/** An option that takes a duration has an invalid value. */
export class DurationError extends RangeError {
  override readonly name = "DurationError";
  readonly code = "OPTION_INVALID";
}

/** Checks an option's duration in milliseconds: 0 or more, Infinity for no limit. */
export function duration(option: string, milliseconds: number): number {
  if (typeof milliseconds === "number" && milliseconds >= 0) return milliseconds;
  throw new DurationError(
    `${option} is ${String(milliseconds)}: give a number of milliseconds of at least 0, or Infinity for no limit`,
  );
}

/** For options where 0 also means no limit. */
export const noLimit = (milliseconds: number): number => (milliseconds === 0 ? Number.POSITIVE_INFINITY : milliseconds);

/** Calls `run` once after a duration, or never if it is Infinity. `run` must not throw. */
export class Timer {
  readonly #run: () => void;
  readonly #milliseconds: number;
  readonly #clock: HostClock;
  #left = 0;
  #timeout: HostTimer | undefined;
  #isReferenced = true;

  constructor(run: () => void, milliseconds: number, clock: HostClock = systemClock) {
    this.#clock = clock;
    this.#run = run;
    this.#milliseconds = milliseconds;
    this.#start();
  }

  /** Restarts the timer. */
  refresh(): void {
    if (this.#timeout !== undefined && this.#milliseconds <= LONGEST_TIMEOUT) {
      this.#timeout.refresh();
      return;
    }
    this.clear();
    this.#start();
  }

  clear(): void {
    this.#clock.stopTimer(this.#timeout);
    this.#timeout = undefined;
  }

  /** Lets the process exit while the timer is running. */
  unref(): this {
    this.#isReferenced = false;
    this.#timeout?.unref();
    return this;
  }

  #start(): void {
    this.#left = this.#milliseconds;
    if (this.#left !== Number.POSITIVE_INFINITY) this.#arm();
  }

  #arm(): void {
    this.#timeout = this.#clock.startTimer(() => this.#fire(), Math.min(this.#left, LONGEST_TIMEOUT));
    if (!this.#isReferenced) this.#timeout.unref();
  }

  #fire(): void {
    this.#left -= LONGEST_TIMEOUT;
    if (this.#left > 0) this.#arm();
    else this.#run();
  }
}
