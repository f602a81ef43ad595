/**
 * How much more than expected is acknowledged at once (draft-ietf-ccwg-bbr §5.5.9). Links and receivers collect
 * acknowledgements, and the window must be that much larger to keep sending meanwhile.
 */

import type { Instant } from "../../base/time.ts";
import { MaxFilter } from "./max-filter.ts";

const WINDOW_ROUNDS = 10;

export class AckAggregation {
  readonly #filter = new MaxFilter();
  #since = 0 as Instant;
  #acked = 0;

  /** The largest recent excess, in bytes. */
  get extraAcked(): number {
    return this.#filter.max;
  }

  /** Sending begins again after an idle time. */
  restart(now: Instant): void {
    this.#since = now;
    this.#acked = 0;
  }

  /** `bandwidth` in bytes per microsecond; `round` counts round trips. */
  onAcked(bytes: number, bandwidth: number, window: number, round: number, hasFilledPipe: boolean, now: Instant): void {
    let expected = bandwidth * (now - this.#since);
    if (this.#acked <= expected) {
      this.restart(now);
      expected = 0;
    }
    this.#acked += bytes;
    const extra = Math.min(this.#acked - expected, window);
    // During startup the rate grows each round, so older values mean little.
    this.#filter.add(extra, round, hasFilledPipe ? WINDOW_ROUNDS : 1);
  }
}
