/**
 * Which requests to refuse while the event loop is late. Refusing all of them would end the overload at once, let all in
 * again, and so on; so the share of refused ones grows while the loop is too late, holds, and shrinks once it is well in time.
 * Pure.
 */

/** Some requests are always let in, to see whether it is better. */
const MAX_SHARE = 0.95;
/** The share added for each interval in which the loop was too late, and taken for each in which it was in time. */
const GROWTH = 0.2;
const DECLINE = 0.05;

export class LagShedder {
  readonly #maxLag: number;
  readonly #interval: number;
  #share = 0;
  #debt = 0;

  /** Milliseconds: the lag above which it refuses requests, and the time between two samples. */
  constructor(maxLag: number, interval: number) {
    this.#maxLag = maxLag;
    this.#interval = interval;
  }

  /** The share of requests that are refused, from 0 to 0.95. */
  get share(): number {
    return this.#share;
  }

  /** Notes how late the loop was, in milliseconds. */
  sample(lag: number): void {
    // A blocked loop takes no samples meanwhile.
    if (lag > this.#maxLag) this.#share = Math.min(MAX_SHARE, this.#share + GROWTH * (1 + lag / this.#interval));
    else if (lag < this.#maxLag / 2) this.#share = Math.max(0, this.#share - DECLINE);
  }

  /** Decides about one request. Spreads the refused ones evenly. */
  refuses(): boolean {
    if (this.#share === 0) return false;
    this.#debt += this.#share;
    if (this.#debt < 1) return false;
    this.#debt -= 1;
    return true;
  }
}
