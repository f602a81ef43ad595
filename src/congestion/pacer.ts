/**
 * Spreads a window over a round trip (RFC 9002 §7.7): a bucket that fills at N × congestion window / smoothed RTT and
 * holds one burst. Whoever sends asks for the budget, and when there is none, for the time at which there will be.
 *
 * A host's timer has a grain: a deadline is met up to so much late, and what could have left meanwhile is lost to the
 * rate unless the bucket holds as much. So the burst is ten datagrams, or what the rate yields in one grain if that is
 * more. Acknowledgements alone are not paced; the sender does not report them here.
 */

import { type Instant, instant, type Micros } from "../base/time.ts";

/** RFC 9002 §7.7: a little more than the window per round trip, so that varying RTTs do not leave it unused. */
const GAIN = 1.25;

/** In slow start the window doubles in each round trip; pacing at less would hold the doubling back. */
const SLOW_START_GAIN = 2;

/** RFC 9002 §7.7: a burst should not exceed the initial window, which is ten datagrams. */
const BURST_DATAGRAMS = 10;

export interface PacerOptions {
  readonly maxDatagramSize: number;
  /** How late the host's timers may be. */
  readonly grain: Micros;
}

export class Pacer {
  maxDatagramSize: number;
  /** Whether the controller is in slow start; set by whoever tells the controller of acknowledgements. */
  slowStart = true;
  readonly #grain: Micros;
  /** Bytes that may leave now; negative after a probe that pacing must not delay. */
  #tokens: number;
  #filledAt: Instant | undefined;

  constructor(options: PacerOptions) {
    this.maxDatagramSize = options.maxDatagramSize;
    this.#grain = options.grain;
    this.#tokens = BURST_DATAGRAMS * options.maxDatagramSize;
  }

  /** Bytes per microsecond. */
  #rate(congestionWindow: number, smoothedRtt: Micros): number {
    return ((this.slowStart ? SLOW_START_GAIN : GAIN) * congestionWindow) / Math.max(smoothedRtt, 1);
  }

  #burst(rate: number): number {
    return Math.max(BURST_DATAGRAMS * this.maxDatagramSize, rate * this.#grain);
  }

  /** How many bytes may leave now. */
  budget(now: Instant, congestionWindow: number, smoothedRtt: Micros): number {
    const rate = this.#rate(congestionWindow, smoothedRtt);
    if (this.#filledAt !== undefined && now > this.#filledAt) {
      this.#tokens = Math.min(this.#burst(rate), this.#tokens + rate * (now - this.#filledAt));
    }
    this.#filledAt = now;
    return Math.max(0, Math.floor(this.#tokens));
  }

  /** When `wanted` bytes, or a burst if that is less, may leave; undefined when they may leave now. */
  nextSendTime(now: Instant, congestionWindow: number, smoothedRtt: Micros, wanted: number): Instant | undefined {
    const available = this.budget(now, congestionWindow, smoothedRtt);
    const rate = this.#rate(congestionWindow, smoothedRtt);
    const needed = Math.min(wanted, this.#burst(rate));
    if (available >= needed) return undefined;
    // So little may be missing that the sum rounds to now: a later time all the same, or the clock would stand.
    return instant(now + Math.max(1, (needed - this.#tokens) / rate));
  }

  onSent(bytes: number, _now: Instant): void {
    this.#tokens -= bytes;
  }
}
