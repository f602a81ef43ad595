/** A clock that stands still while code runs and jumps to the next event on request. */

import { after, type Instant, instant, type Micros, millis } from "../base/time.ts";
import type { HostClock, HostTimer } from "../host/clock.ts";
import { VirtualSchedule } from "../sim/virtual-schedule.ts";

/** At one instant lower ranks come first: simultaneous arrivals form one batch, and timers see it. */
const TIMER_RANK = 2;

/** Node's timers last at least one millisecond. */
const SHORTEST = millis(1);

class VirtualTimer implements HostTimer {
  readonly #clock: VirtualClock;
  readonly #span: Micros;
  readonly callback: () => void;
  /** The deadline; undefined if the timer was stopped or has fired. */
  at: Instant | undefined;
  /** Its position in the schedule; a refresh only moves `at`. */
  queuedAt: Instant | undefined;

  constructor(clock: VirtualClock, callback: () => void, span: Micros) {
    this.#clock = clock;
    this.callback = callback;
    this.#span = span;
    this.refresh();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  refresh(): this {
    this.at = after(this.#clock.now(), this.#span);
    if (this.queuedAt === undefined) this.#clock.queue(this, this.at);
    return this;
  }
}

export class VirtualClock implements HostClock {
  readonly #schedule = new VirtualSchedule<() => boolean>();
  readonly #startedAt: number;
  #now = 0 as Instant;
  #deferred: (() => void)[] = [];

  /** `startedAt` is the date at instant 0, in milliseconds since 1970. */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
  }

  now(): Instant {
    return this.#now;
  }

  date(): number {
    return this.#startedAt + Math.floor(this.#now / 1_000);
  }

  startTimer(callback: () => void, milliseconds: number): VirtualTimer {
    return new VirtualTimer(this, callback, Math.max(SHORTEST, millis(milliseconds)) as Micros);
  }

  stopTimer(timer: HostTimer | undefined): void {
    if (timer instanceof VirtualTimer) timer.at = undefined;
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /**
   * Schedules a callback at an instant, ordered by rank. The callback returns true if any code besides its own may have
   * run.
   */
  schedule(at: Instant, rank: number, callback: () => boolean): void {
    this.#schedule.push(at, callback, rank);
  }

  queue(timer: VirtualTimer, at: Instant): void {
    if (!Number.isFinite(at)) return;
    timer.queuedAt = at;
    this.#schedule.push(at, () => this.#fire(timer), TIMER_RANK);
  }

  #fire(timer: VirtualTimer): boolean {
    const { at } = timer;
    timer.queuedAt = undefined;
    if (at === undefined) return false;
    if (at > this.#now) {
      this.queue(timer, at);
      return false;
    }
    timer.at = undefined;
    timer.callback();
    return true;
  }

  /** Calls the deferred callbacks. Returns false if there were none. */
  runDeferred(): boolean {
    if (this.#deferred.length === 0) return false;
    const due = this.#deferred;
    this.#deferred = [];
    for (const callback of due) callback();
    return true;
  }

  /** Jumps to the next event and runs it: one timer, or the datagrams of one instant. */
  advance(limit: Instant): "happened" | "nothing left" | "limit" {
    for (;;) {
      const next = this.#schedule.nextAt;
      if (next === undefined) return "nothing left";
      if (next > limit) return "limit";
      const { what } = this.#schedule.pop()!;
      // A stopped timer leaves a stale entry in the schedule, which time may pass silently.
      this.#now = instant(next);
      if (what()) return "happened";
    }
  }
}
