/** The single timer of a machine, set to its deadline. */

import type { Instant } from "../base/time.ts";
import { type HostClock, type HostTimer, systemClock } from "./clock.ts";
import { type Fault, guard } from "./guard.ts";
import { LONGEST_TIMEOUT } from "./timer.ts";

export class MachineTimer {
  readonly #onTimeout: (now: Instant) => void;
  readonly #fire: () => void;
  readonly #clock: HostClock;
  #timer: HostTimer | undefined;
  #at: Instant | undefined;
  #isReferenced = true;

  /** `onTimeout` must set the next deadline, if any. */
  constructor(onFault: (fault: Fault) => void, onTimeout: (now: Instant) => void, clock: HostClock = systemClock) {
    this.#clock = clock;
    this.#onTimeout = onTimeout;
    this.#fire = guard("client timer", onFault, () => this.#handleTimer());
  }

  /** Lets the process exit while the timer is running. */
  unref(): this {
    this.#isReferenced = false;
    this.#timer?.unref();
    return this;
  }

  /** Sets the machine's current deadline; undefined for none. */
  set(at: Instant | undefined): void {
    if (at === this.#at) return;
    this.#clock.stopTimer(this.#timer);
    this.#at = at;
    if (at === undefined) return;
    // Node's timers have millisecond resolution and may fire a fraction early.
    const milliseconds = Math.max(1, Math.ceil((at - this.#clock.now()) / 1_000));
    if (milliseconds === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.startTimer(this.#fire, Math.min(milliseconds, LONGEST_TIMEOUT));
    if (!this.#isReferenced) this.#timer.unref();
  }

  #handleTimer(): void {
    const at = this.#at!;
    const now = this.#clock.now();
    this.#at = undefined;
    if (now < at) this.set(at);
    else this.#onTimeout(now);
  }
}
