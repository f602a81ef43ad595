/**
 * Spreads a window over a round trip (RFC 9002 §7.7) with a token bucket that fills at the controller's rate
 * and holds one burst. The sender asks for the budget and, if there is none, for the next send time.
 *
 * A host's timers are granular: a deadline may be met late by up to one grain, and the rate loses what could have been
 * sent meanwhile unless the bucket holds as much. So the burst is ten datagrams, or the rate times one grain if that is
 * more. Pure acknowledgements are not paced; the sender does not report them here.
 */

import { type Instant, instant, type Micros } from "../base/time.ts";
import type { CongestionController, RttView } from "./controller.ts";

/** RFC 9002 §7.7: a burst should not exceed the initial window, which is ten datagrams. */
const BURST_DATAGRAMS = 10;

/** Bytes. Many small additions may miss an integer by a rounding error. */
const ROUNDING = 1e-6;

export interface PacerOptions {
  readonly controller: Pick<CongestionController, "pacingRate">;
  readonly rtt: Pick<RttView, "smoothed">;
  /** The largest datagram that may currently be sent. */
  readonly datagramSize: { readonly current: number };
  /** The maximum delay of the host's timers. */
  readonly grain: Micros;
}

export class Pacer {
  readonly #options: PacerOptions;
  /** Bytes that may be sent now; negative after a probe, which is never paced. */
  #tokens: number;
  #filledAt: Instant | undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
    this.#tokens = BURST_DATAGRAMS * options.datagramSize.current;
  }

  /** Bytes per microsecond. */
  #rate(): number {
    const { controller, rtt } = this.#options;
    return controller.pacingRate(rtt);
  }

  #burst(rate: number): number {
    return Math.max(BURST_DATAGRAMS * this.#options.datagramSize.current, rate * this.#options.grain);
  }

  /** Bytes that may be sent now. */
  budget(now: Instant): number {
    if (this.#filledAt !== undefined && now > this.#filledAt) {
      const rate = this.#rate();
      this.#tokens = Math.min(this.#burst(rate), this.#tokens + rate * (now - this.#filledAt));
    }
    this.#filledAt = now;
    return Math.max(0, Math.floor(this.#tokens + ROUNDING));
  }

  /** The time at which `wanted` bytes, or a burst if that is less, may be sent; undefined if now. */
  nextSendTime(now: Instant, wanted: number): Instant | undefined {
    const available = this.budget(now);
    const rate = this.#rate();
    const needed = Math.min(wanted, this.#burst(rate));
    if (available >= needed) return undefined;
    // The deficit may be so small that the sum rounds to now; the result must still be later, or time would stand still.
    return instant(now + Math.max(1, (needed - this.#tokens) / rate));
  }

  /** Takes what was sent from the budget, in bytes. */
  onSent(bytes: number, _now: Instant): void {
    this.#tokens -= bytes;
  }
}
