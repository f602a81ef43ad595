/** A clock that the test advances. */

import type { Instant } from "../../../base/time.ts";
import type { HostClock, HostTimer } from "../../clock.ts";

interface ManualTimer extends HostTimer {
  readonly callback: () => void;
  readonly at: number;
}

export class ManualClock implements HostClock {
  #now = 0;
  readonly #timers = new Set<ManualTimer>();

  now(): Instant {
    return this.#now as Instant;
  }

  date(): number {
    return 0;
  }

  startTimer(callback: () => void, milliseconds: number): HostTimer {
    const timer: ManualTimer = {
      callback,
      at: this.#now + milliseconds * 1_000,
      ref: () => timer,
      unref: () => timer,
      refresh: () => timer,
    };
    this.#timers.add(timer);
    return timer;
  }

  stopTimer(timer: HostTimer | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer as ManualTimer);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  /** Moves time forward and fires what is due. */
  advance(microseconds: number): void {
    const end = this.#now + microseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }
}
