/**
 * The limit of challenge ACKs (RFC 5961 §7): per connection and at random, because a shared and fixed one tells an
 * attacker what other connections received (CVE-2016-5696).
 */

import type { Rng } from "../base/rng.ts";
import { type Instant, seconds } from "../base/time.ts";

const PERIOD = seconds(5);
const LOWEST = 5;
const SPREAD = 10;

export class ChallengeLimit {
  readonly #rng: Rng;
  #since = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  take(now: Instant): boolean {
    if (now - this.#since >= PERIOD) {
      this.#since = now;
      this.#left = LOWEST + (this.#rng.uint32() % SPREAD);
    }
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
