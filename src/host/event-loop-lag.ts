/**
 * How late the event loop is: the time between when a timer was due and when it ran. A busy process answers everyone that
 * much later.
 */

import { type HostClock, type HostTimer, millisNow, systemClock } from "./clock.ts";
import { guard, reportFault } from "./guard.ts";

/** Milliseconds between two samples. */
export const LAG_INTERVAL = 100;

export class EventLoopLag {
  readonly #listeners = new Set<(milliseconds: number) => void>();
  readonly #clock: HostClock;
  #timer: HostTimer | undefined;
  #due = 0;

  constructor(clock: HostClock = systemClock) {
    this.#clock = clock;
  }

  /** Calls the listener with each sample, in milliseconds, until the returned function is called. */
  watch(listener: (milliseconds: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#clock.stopTimer(this.#timer);
      this.#timer = undefined;
    };
  }

  #start(): void {
    this.#due = millisNow(this.#clock) + LAG_INTERVAL;
    const timer = this.#clock.startTimer(this.#sample, LAG_INTERVAL);
    timer.unref();
    this.#timer = timer;
  }

  readonly #sample = guard(
    "event loop lag",
    (fault) => {
      reportFault(fault);
      if (this.#timer !== undefined) this.#start();
    },
    () => {
      const late = Math.max(0, millisNow(this.#clock) - this.#due);
      for (const listener of this.#listeners) listener(late);
      if (this.#timer !== undefined) this.#start();
    },
  );
}

let shared: EventLoopLag | undefined;

/** The one of this process. */
export function processLag(): EventLoopLag {
  shared ??= new EventLoopLag();
  return shared;
}
