/**
 * Spreads a window over a round trip (RFC 9002 §7.7): a bucket that fills at N × congestion window / smoothed RTT and
 * holds one burst. Whoever sends asks for the budget, and when there is none, for the time at which there will be.
 *
 * A host's timer has a grain: a deadline is met up to so much late, and what could have left meanwhile is lost to the
 * rate unless the bucket holds as much. So the burst is ten datagrams, or what the rate yields in one grain if that is
 * more. Acknowledgements alone are not paced; the sender does not report them here.
 */

import { type Instant, instant, type Micros } from "../base/time.ts";
import type { CongestionController, RttView } from "./controller.ts";

/** RFC 9002 §7.7: a little more than the window per round trip, so that varying RTTs do not leave it unused. */
const GAIN = 1.25;

/** In slow start the window doubles in each round trip; pacing at less would hold the doubling back. */
const SLOW_START_GAIN = 2;

/** RFC 9002 §7.7: a burst should not exceed the initial window, which is ten datagrams. */
const BURST_DATAGRAMS = 10;

/** Bytes: a sum of many small gains may miss a whole number by rounding. */
const ROUNDING = 1e-6;

export interface PacerOptions {
  readonly controller: Pick<CongestionController, "congestionWindow" | "ssthresh">;
  readonly rtt: Pick<RttView, "smoothed">;
  /** The largest datagram that may be sent now. */
  readonly datagramSize: { readonly current: number };
  /** How late the host's timers may be. */
  readonly grain: Micros;
}

export class Pacer {
  readonly #options: PacerOptions;
  /** Bytes that may leave now; negative after a probe that pacing must not delay. */
  #tokens: number;
  #filledAt: Instant | undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#tokens = BURST_DATAGRAMS * options.datagramSize.current;
  }

  /** Bytes per microsecond. */
  #rate(): number {
    const { controller, rtt } = this.#options;
    const gain = controller.congestionWindow < controller.ssthresh ? SLOW_START_GAIN : GAIN;
    return (gain * controller.congestionWindow) / Math.max(rtt.smoothed, 1);
  }

  #burst(rate: number): number {
    return Math.max(BURST_DATAGRAMS * this.#options.datagramSize.current, rate * this.#options.grain);
  }

  /** How many bytes may leave now. */
  budget(now: Instant): number {
    if (this.#filledAt !== undefined && now > this.#filledAt) {
      const rate = this.#rate();
      this.#tokens = Math.min(this.#burst(rate), this.#tokens + rate * (now - this.#filledAt));
    }
    this.#filledAt = now;
    return Math.max(0, Math.floor(this.#tokens + ROUNDING));
  }

  /** When `wanted` bytes, or a burst if that is less, may leave; undefined when they may leave now. */
  nextSendTime(now: Instant, wanted: number): Instant | undefined {
    const available = this.budget(now);
    const rate = this.#rate();
    const needed = Math.min(wanted, this.#burst(rate));
    if (available >= needed) return undefined;
    // So little may be missing that the sum rounds to now: a later time all the same, or the clock would stand.
    return instant(now + Math.max(1, (needed - this.#tokens) / rate));
  }

  onSent(bytes: number, _now: Instant): void {
    this.#tokens -= bytes;
  }
}
