/** The round-trip time and the retransmission timeout (RFC 6298). */

import { type Micros, micros, millis, seconds } from "../base/time.ts";
import type { RttView } from "../congestion/index.ts";

/** RFC 6298 §2.1. */
const INITIAL_RTO = seconds(1);
/** RFC 6298 §5.7. */
const RTO_AFTER_SYN = seconds(3);
/** RFC 6298 §2.5. */
const MAX_RTO = seconds(60);
/** RFC 6298 §2.3, G: the grain of timers. */
const GRANULARITY = millis(1);
/** deviation: RFC 6298 §2.4 rounds up to a second, because clocks were coarse; Linux has 200 ms, as here. */
export const DEFAULT_MIN_RTO = millis(200);

const ZERO = micros(0);

export class RttEstimator implements RttView {
  latest = ZERO;
  smoothed = ZERO;
  variation = ZERO;
  min = Number.POSITIVE_INFINITY as Micros;
  readonly #minRto: Micros;
  #base: Micros = INITIAL_RTO;
  #backoff = 0;

  constructor(minRto: Micros = DEFAULT_MIN_RTO) {
    this.#minRto = minRto;
  }

  get hasSample(): boolean {
    return this.smoothed > 0;
  }

  get backoff(): number {
    return this.#backoff;
  }

  get rto(): Micros {
    return Math.min(MAX_RTO, this.#base * 2 ** this.#backoff) as Micros;
  }

  onSample(sample: Micros): void {
    const rtt = Math.max(1, sample) as Micros;
    this.latest = rtt;
    if (rtt < this.min) this.min = rtt;
    if (this.smoothed === 0) {
      // RFC 6298 §2.2.
      this.smoothed = rtt;
      this.variation = micros(rtt / 2);
    } else {
      // RFC 6298 §2.3.
      this.variation = micros((3 * this.variation + Math.abs(this.smoothed - rtt)) / 4);
      this.smoothed = micros((7 * this.smoothed + rtt) / 8);
    }
    this.#base = Math.max(this.#minRto, this.smoothed + Math.max(GRANULARITY, 4 * this.variation)) as Micros;
  }

  /** RFC 6298 §5.5. */
  backOff(): void {
    this.#backoff += 1;
  }

  resetBackoff(): void {
    this.#backoff = 0;
  }

  /** RFC 6298 §5.7: the handshake is over, and its SYN was retransmitted, so the first guess was too low. */
  onSynRetransmitted(): void {
    if (this.smoothed === 0) this.#base = RTO_AFTER_SYN;
  }
}
