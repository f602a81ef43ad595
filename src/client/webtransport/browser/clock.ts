/** The clock and timers of a page. */

import type { Instant } from "../../../base/time.ts";
import type { HostClock, HostTimer } from "../../../host/clock.ts";

class PageTimer implements HostTimer {
  readonly #callback: () => void;
  readonly #milliseconds: number;
  #id: ReturnType<typeof setTimeout> | undefined;

  constructor(callback: () => void, milliseconds: number) {
    this.#callback = callback;
    this.#milliseconds = milliseconds;
    this.refresh();
  }

  /** Pages do not wait for timers. */
  ref(): void {}
  unref(): void {}

  refresh(): void {
    this.stop();
    const callback = this.#callback;
    this.#id = setTimeout(callback, this.#milliseconds);
  }

  stop(): void {
    clearTimeout(this.#id);
  }
}

export const pageClock: HostClock = {
  now: () => Math.floor(performance.now() * 1_000) as Instant,
  date: () => Date.now(),
  startTimer: (callback, milliseconds) => new PageTimer(callback, milliseconds),
  stopTimer: (timer) => (timer as PageTimer | undefined)?.stop(),
  defer: (callback) => void setTimeout(callback, 0),
};
