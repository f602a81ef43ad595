/** A clock that tests advance. Short waits end at once, so that polls and retries cost no time. */

import { setTimeout } from "node:timers/promises";
import type { AcmeClock } from "../clock.ts";

/** Milliseconds: more than polls and retries wait, less than the patience of handshakes and the beat of locks. */
const SHORT = 9_500;

interface Waiter {
  readonly until: number;
  resolve(): void;
}

export class TestClock implements AcmeClock {
  #now = Date.now();
  readonly #waiters = new Set<Waiter>();
  /** Milliseconds that were waited for shortly, for tests of Retry-After. */
  readonly waited: number[] = [];

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (milliseconds < SHORT) {
      this.waited.push(milliseconds);
      await setTimeout(5);
      signal.throwIfAborted();
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const waiter = { until: this.#now + milliseconds, resolve };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
    });
  }

  /** Resolves when so many wait for `advance`. */
  async asleep(count = 1): Promise<void> {
    while (this.#waiters.size < count) await setTimeout(5);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const waiter of [...this.#waiters]) {
      if (waiter.until > this.#now) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}
