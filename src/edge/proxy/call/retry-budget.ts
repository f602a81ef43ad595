/**
 * Limits retries to a share of the requests, so that a proxy whose origins all fail does not multiply their load. Times are
 * milliseconds of any monotonic clock.
 */

/** Retries that are always possible, after a quiet time. */
const RESERVE = 500;
/** Retries per second that are possible however few requests there are. */
const MINIMUM = 10;

export class RetryBudget {
  /** Retries made, and those that the budget denied. */
  made = 0;
  denied = 0;
  readonly #share: number;
  #balance = RESERVE;
  #updated: number;

  /** `share` is the number of retries for each request, such as 0.2. */
  constructor(share: number, now: number) {
    this.#share = share;
    this.#updated = now;
  }

  /** Call for each new request. */
  deposit(): void {
    this.#balance = Math.min(RESERVE, this.#balance + this.#share);
  }

  /** Returns true if a retry may be made. */
  withdraw(now: number): boolean {
    if (this.#share > 0) {
      this.#balance = Math.min(RESERVE, this.#balance + ((now - this.#updated) / 1_000) * MINIMUM);
    }
    this.#updated = now;
    if (this.#balance < 1 || this.#share === 0) {
      this.denied += 1;
      return false;
    }
    this.#balance -= 1;
    this.made += 1;
    return true;
  }
}
