/**
 * HyStart++ (RFC 9406): ends the first slow start when round-trip times rise, before the queue of the bottleneck
 * overflows. A rise leads to conservative slow start, which grows at a quarter of the rate for up to five rounds. If the
 * round-trip time falls below its value at that point, the rise was noise, and slow start continues.
 *
 * A round ends when a packet sent after its start is acknowledged, so no packet numbers are needed.
 */

import type { Instant, Micros } from "../base/time.ts";

/** RFC 9406 §4.3. The limit L on the growth per ACK is infinite, because our senders pace. */
const MIN_RTT_THRESH = 4_000;
const MAX_RTT_THRESH = 16_000;
const MIN_RTT_DIVISOR = 8;
const N_RTT_SAMPLE = 8;
const CSS_GROWTH_DIVISOR = 4;
const CSS_ROUNDS = 5;

export class HyStart {
  #roundStart = 0 as Instant;
  #minOfLastRound = Number.POSITIVE_INFINITY;
  #minOfRound = Number.POSITIVE_INFINITY;
  #samplesOfRound = 0;
  /** The round's minimum when conservative slow start began; undefined in slow start. */
  #baseline: number | undefined;
  #conservativeRounds = 0;

  /** RFC 9406 §4.2: the growth of slow start is divided by this. */
  get growthDivisor(): number {
    return this.#baseline === undefined ? 1 : CSS_GROWTH_DIVISOR;
  }

  /** True if congestion avoidance must begin. */
  get isOver(): boolean {
    return this.#conservativeRounds >= CSS_ROUNDS;
  }

  /** An ACK arrived in slow start; `latestTimeSent` is the latest send time of the acknowledged packets. */
  onAcked(latestTimeSent: Instant, sample: Micros, now: Instant): void {
    if (latestTimeSent >= this.#roundStart) this.#beginRound(now);
    if (sample < this.#minOfRound) this.#minOfRound = sample;
    this.#samplesOfRound += 1;
    if (this.#samplesOfRound < N_RTT_SAMPLE) return;
    if (this.#baseline === undefined) {
      if (this.#hasRisen()) this.#baseline = this.#minOfRound;
    } else if (this.#minOfRound < this.#baseline) {
      this.#baseline = undefined;
      this.#conservativeRounds = 0;
    }
  }

  #beginRound(now: Instant): void {
    this.#roundStart = now;
    this.#minOfLastRound = this.#minOfRound;
    this.#minOfRound = Number.POSITIVE_INFINITY;
    this.#samplesOfRound = 0;
    // RFC 9406 §4.2: the round in which conservative slow start began counts.
    if (this.#baseline !== undefined) this.#conservativeRounds += 1;
  }

  #hasRisen(): boolean {
    if (this.#minOfLastRound === Number.POSITIVE_INFINITY) return false;
    const threshold = Math.min(Math.max(this.#minOfLastRound / MIN_RTT_DIVISOR, MIN_RTT_THRESH), MAX_RTT_THRESH);
    return this.#minOfRound >= this.#minOfLastRound + threshold;
  }
}
