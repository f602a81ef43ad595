/** Limits how often something happens per second. */

import { type Instant, seconds } from "./time.ts";

export class RateLimit {
  readonly #perSecond: number;
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts an occurrence. Returns false if the limit for this second is reached. */
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
