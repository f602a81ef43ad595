/**
 * NewReno as in RFC 9002 §7 and Appendix B: slow start, congestion avoidance, and one reduction by half per recovery
 * period. Recovery starts at a congestion event and ends when a packet sent after it is acknowledged. It has no state
 * other than its start time, which is compared with send times.
 */

import type { Instant } from "../base/time.ts";
import {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
import { WindowUtilization } from "./utilization.ts";

/** RFC 9002 §7.3.2, kLossReductionFactor. */
const LOSS_REDUCTION_FACTOR = 0.5;

/** In congestion avoidance a window counts as filled if fewer datagrams than this would still have fitted. */
const SLACK_DATAGRAMS = 3;

/** The values before a congestion event, kept in case it proves spurious. */
interface BeforeReduction {
  readonly congestionWindow: number;
  readonly ssthresh: number;
  readonly recoveryStart: Instant | undefined;
}

export class NewReno implements CongestionController {
  readonly name = "NewReno";
  #maxDatagramSize: number;
  #congestionWindow: number;
  #bytesInFlight = 0;
  #ssthresh = Number.POSITIVE_INFINITY;
  #recoveryStart: Instant | undefined;
  /** Bytes acknowledged in congestion avoidance that have not yet grown the window. */
  #acknowledged = 0;
  #beforeReduction: BeforeReduction | undefined;
  readonly #utilization = new WindowUtilization();

  constructor(maxDatagramSize: number) {
    this.#maxDatagramSize = maxDatagramSize;
    this.#congestionWindow = initialWindow(maxDatagramSize);
  }

  get congestionWindow(): number {
    return this.#congestionWindow;
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  get ssthresh(): number {
    return this.#ssthresh;
  }

  canSend(size = this.#maxDatagramSize): boolean {
    return this.#bytesInFlight + size <= this.#congestionWindow;
  }

  onPacketSent(size: number, _now: Instant): void {
    this.#bytesInFlight += size;
    this.#utilization.onPacketSent(this.#bytesInFlight);
  }

  onPacketsAcked(packets: readonly CongestionPacket[], _rtt: RttView, now: Instant): void {
    const recoveryStart = this.#recoveryStart ?? Number.NEGATIVE_INFINITY;
    let left = 0;
    let growing = 0;
    let latestTimeSent = Number.NEGATIVE_INFINITY as Instant;
    for (const packet of packets) {
      if (!packet.inFlight) continue;
      left += packet.size;
      if (packet.timeSent > latestTimeSent) latestTimeSent = packet.timeSent;
      // RFC 9002 §7.3.2: packets sent before recovery began do not grow the window.
      if (packet.timeSent > recoveryStart) growing += packet.size;
    }
    if (left === 0) return;
    this.#utilization.onPacketsAcked(latestTimeSent, this.#bytesInFlight, now);
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - left);
    if (growing > 0 && this.#isWindowFilled()) this.#grow(growing);
  }

  #isWindowFilled(): boolean {
    const { peak } = this.#utilization;
    // Slow start doubles the window in a round trip, so only half of it could have been used.
    if (this.#congestionWindow < this.#ssthresh) return peak * 2 > this.#congestionWindow;
    return peak + SLACK_DATAGRAMS * this.#maxDatagramSize > this.#congestionWindow;
  }

  #grow(acknowledged: number): void {
    let bytes = acknowledged;
    // RFC 9002 §7.3.1: slow start.
    if (this.#congestionWindow < this.#ssthresh) {
      const step = Math.min(bytes, this.#ssthresh - this.#congestionWindow);
      this.#congestionWindow += step;
      bytes -= step;
    }
    // RFC 9002 §7.3.3: congestion avoidance, one datagram per acknowledged window.
    this.#acknowledged += bytes;
    if (this.#acknowledged >= this.#congestionWindow) {
      this.#acknowledged -= this.#congestionWindow;
      this.#congestionWindow += this.#maxDatagramSize;
    }
  }

  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): void {
    let left = 0;
    for (const packet of packets) if (packet.inFlight) left += packet.size;
    if (left === 0) return;
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - left);
    this.onCongestionExperienced(largestLostTimeSent, now);
    if (!persistent) return;
    // RFC 9002 §7.6.2: restart from the minimum window, in slow start.
    this.#congestionWindow = minimumWindow(this.#maxDatagramSize);
    this.#recoveryStart = undefined;
    this.#beforeReduction = undefined;
  }

  onCongestionExperienced(timeSent: Instant, now: Instant): void {
    // RFC 9002 §7.3.2: one reduction per recovery period.
    if (this.#recoveryStart !== undefined && timeSent <= this.#recoveryStart) return;
    this.#beforeReduction = {
      congestionWindow: this.#congestionWindow,
      ssthresh: this.#ssthresh,
      recoveryStart: this.#recoveryStart,
    };
    this.#recoveryStart = now;
    this.#acknowledged = 0;
    this.#ssthresh = Math.floor(this.#congestionWindow * LOSS_REDUCTION_FACTOR);
    this.#congestionWindow = Math.max(this.#ssthresh, minimumWindow(this.#maxDatagramSize));
  }

  onSpuriousCongestion(_now: Instant): void {
    const before = this.#beforeReduction;
    if (before === undefined) return;
    this.#congestionWindow = Math.max(this.#congestionWindow, before.congestionWindow);
    this.#ssthresh = before.ssthresh;
    this.#recoveryStart = before.recoveryStart;
    this.#beforeReduction = undefined;
  }

  onPacketsDiscarded(bytes: number): void {
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - bytes);
  }

  setMaxDatagramSize(bytes: number): void {
    // RFC 9002 §7.2: recompute a window that is still the initial one.
    const isInitial = this.#congestionWindow === initialWindow(this.#maxDatagramSize);
    this.#maxDatagramSize = bytes;
    this.#congestionWindow = isInitial ? initialWindow(bytes) : Math.max(this.#congestionWindow, minimumWindow(bytes));
  }
}
