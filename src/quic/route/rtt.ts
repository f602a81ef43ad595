/** The round-trip time of one route (RFC 9002 §5) and the base of its probe timeout (§6.2.1). */

import { type Micros, micros, millis } from "../../base/time.ts";

/** RFC 9002 §6.1.2, kTimeThreshold. */
const TIME_THRESHOLD = 9 / 8;

/** RFC 9002 §6.2.2, kInitialRtt. */
const INITIAL_RTT = millis(333);

/** RFC 9002 §6.1.2, kGranularity: the minimum timer duration. */
const GRANULARITY = millis(1);

export class RttEstimator {
  /** The last sample; the initial RTT before the first. */
  latest: Micros = INITIAL_RTT;
  smoothed: Micros = INITIAL_RTT;
  variance: Micros = micros(INITIAL_RTT / 2);
  /** The smallest sample, never adjusted by the peer's delay (RFC 9002 §5.2); 0 before the first sample. */
  min: Micros = micros(0);
  hasSample = false;
  #minIsStale = false;

  /**
   * Adds a sample (RFC 9002 §5.3). `ackDelay` is the delay that the peer reports, and 0 for Initial packets. Once the
   * handshake is confirmed, it is limited to the `maxAckDelay` that the peer declared.
   */
  update(latest: Micros, ackDelay: Micros, handshakeConfirmed: boolean, maxAckDelay: Micros): void {
    this.latest = latest;
    if (!this.hasSample) {
      this.hasSample = true;
      this.min = latest;
      this.smoothed = latest;
      this.variance = micros(latest / 2);
      return;
    }
    this.min = this.#minIsStale ? latest : micros(Math.min(this.min, latest));
    this.#minIsStale = false;
    const delay = handshakeConfirmed ? Math.min(ackDelay, maxAckDelay) : ackDelay;
    // The delay is not subtracted if the result would be below the minimum RTT.
    const adjusted = latest >= this.min + delay ? latest - delay : latest;
    this.variance = micros(0.75 * this.variance + 0.25 * Math.abs(this.smoothed - adjusted));
    this.smoothed = micros(0.875 * this.smoothed + 0.125 * adjusted);
  }

  /** The probe timeout without the peer's max_ack_delay and without backoff (RFC 9002 §6.2.1). */
  ptoBase(): Micros {
    return micros(this.smoothed + Math.max(4 * this.variance, GRANULARITY));
  }

  /** RFC 9002 §6.1.2: the age at which a packet older than the largest acknowledged is lost. */
  lossDelay(): Micros {
    return micros(Math.max(TIME_THRESHOLD * Math.max(this.latest, this.smoothed), GRANULARITY));
  }

  /** Restarts the minimum from the next sample, after persistent congestion (RFC 9002 §5.2). */
  resetMin(): void {
    this.#minIsStale = true;
  }
}
