/** So many times in a second, counted anew each second. */

import { type Instant, seconds } from "./time.ts";

export class RateLimit {
  readonly #perSecond: number;
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts one more, or says that this second has had its share. */
  take(now: Instant): boolean {
    if (now - this.#since >= seconds(1)) {
      this.#since = now;
      this.#count = 0;
    }
    if (this.#count >= this.#perSecond) return false;
    this.#count += 1;
    return true;
  }
}
