/**
 * What all controllers have in common that reduce their window at a congestion event (RFC 9002 §7, RFC 9438): the
 * count of bytes in flight, slow start, one reduction per recovery period, persistent congestion, and the undo of a
 * spurious reduction. How the window grows in congestion avoidance, and by how much a congestion event reduces it, is
 * an `AvoidanceLaw`.
 *
 * Recovery starts at a congestion event and ends when a packet sent after it is acknowledged. It has no state other
 * than its start time, which is compared with send times.
 */

import type { Instant } from "../base/time.ts";
import {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "./controller.ts";
import { HyStart } from "./hystart.ts";
import { WindowUtilization } from "./utilization.ts";

/** RFC 9002 §7.7: slightly more than one window per round trip, so that RTT variations do not leave it unused. */
const AVOIDANCE_GAIN = 1.25;

/** In slow start the window doubles each round trip; slower pacing would prevent that. */
const SLOW_START_GAIN = 2;

/** In congestion avoidance a window counts as filled if fewer datagrams than this would still have fitted. */
const SLACK_DATAGRAMS = 3;

/** Growth in congestion avoidance, and the reduction at a congestion event. Windows are in bytes. */
export interface AvoidanceLaw {
  readonly name: string;
  /** The part of the window that remains after a congestion event. */
  readonly reductionFactor: number;
  /** A congestion event reduces this window. */
  onReduction(window: number): void;
  /** `acknowledged` bytes of a filled window were acknowledged. Returns the new window, never a smaller one. */
  grow(acknowledged: number, window: number, maxDatagramSize: number, rtt: RttView, now: Instant): number;
  /** `acknowledged` bytes sent before the last congestion event were acknowledged; they do not grow the window. */
  onRecovering(acknowledged: number, window: number, maxDatagramSize: number): void;
  /** Bytes were acknowledged, but the window was not filled, so it does not grow. */
  onUnderused(now: Instant): void;
  /** The window starts again from its minimum (RFC 9002 §7.6.2). */
  reset(): void;
  /** Returns a function that restores the current state. */
  snapshot(): () => void;
}

/** The values before a congestion event, kept in case it proves spurious. */
interface BeforeReduction {
  readonly congestionWindow: number;
  readonly ssthresh: number;
  readonly recoveryStart: Instant | undefined;
  readonly restoreLaw: () => void;
}

export class LossBasedController implements CongestionController {
  readonly name: string;
  readonly #law: AvoidanceLaw;
  readonly #slowStart = new HyStart();
  readonly #utilization = new WindowUtilization();
  #maxDatagramSize: number;
  /** Not an integer: in congestion avoidance, an ACK may grow it by a fraction of a byte. */
  #congestionWindow: number;
  #bytesInFlight = 0;
  #ssthresh = Number.POSITIVE_INFINITY;
  #recoveryStart: Instant | undefined;
  #beforeReduction: BeforeReduction | undefined;

  constructor(law: AvoidanceLaw, maxDatagramSize: number) {
    this.name = law.name;
    this.#law = law;
    this.#maxDatagramSize = maxDatagramSize;
    this.#congestionWindow = initialWindow(maxDatagramSize);
  }

  get congestionWindow(): number {
    return Math.floor(this.#congestionWindow);
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  get ssthresh(): number {
    return this.#ssthresh;
  }

  get state(): string {
    return this.#isInSlowStart ? "slow-start" : "congestion-avoidance";
  }

  get #isInSlowStart(): boolean {
    return this.#congestionWindow < this.#ssthresh;
  }

  pacingRate(rtt: Pick<RttView, "smoothed">): number {
    const gain = this.#isInSlowStart ? SLOW_START_GAIN : AVOIDANCE_GAIN;
    return (gain * this.#congestionWindow) / Math.max(rtt.smoothed, 1);
  }

  canSend(size = this.#maxDatagramSize): boolean {
    return this.#bytesInFlight + size <= this.#congestionWindow;
  }

  onPacketSent(size: number, _now: Instant): undefined {
    this.#bytesInFlight += size;
    this.#utilization.onPacketSent(this.#bytesInFlight);
  }

  /** The utilization of the window shows it. */
  onApplicationLimited(): void {}

  onPacketsAcked(packets: readonly CongestionPacket[], rtt: RttView, now: Instant): void {
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
    // RFC 9406 §4.3: only the first slow start ends early.
    if (this.#ssthresh === Number.POSITIVE_INFINITY) this.#slowStart.onAcked(latestTimeSent, rtt.latest, now);
    if (left > growing && !this.#isInSlowStart) {
      this.#law.onRecovering(left - growing, this.#congestionWindow, this.#maxDatagramSize);
    }
    if (growing === 0) return;
    if (this.#isWindowFilled()) this.#grow(growing, rtt, now);
    else if (!this.#isInSlowStart) this.#law.onUnderused(now);
  }

  #isWindowFilled(): boolean {
    const { peak } = this.#utilization;
    // Slow start doubles the window in a round trip, so only half of it could have been used.
    if (this.#isInSlowStart) return peak * 2 > this.#congestionWindow;
    return peak + SLACK_DATAGRAMS * this.#maxDatagramSize > this.#congestionWindow;
  }

  #grow(acknowledged: number, rtt: RttView, now: Instant): void {
    let bytes = acknowledged;
    if (this.#isInSlowStart) {
      // RFC 9406 §4.2: conservative slow start has lasted long enough.
      if (this.#slowStart.isOver) this.#ssthresh = this.#congestionWindow;
      // RFC 9002 §7.3.1, RFC 9406 §4.2.
      const step = Math.min(bytes / this.#slowStart.growthDivisor, this.#ssthresh - this.#congestionWindow);
      this.#congestionWindow += step;
      if (this.#isInSlowStart) return;
      bytes -= step * this.#slowStart.growthDivisor;
    }
    if (bytes <= 0) return;
    this.#congestionWindow = this.#law.grow(bytes, this.#congestionWindow, this.#maxDatagramSize, rtt, now);
  }

  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): boolean {
    let left = 0;
    for (const packet of packets) if (packet.inFlight) left += packet.size;
    if (left === 0) return false;
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - left);
    const isReduced = this.#reduce(largestLostTimeSent, now);
    if (!persistent) return isReduced;
    // RFC 9002 §7.6.2: restart from the minimum window, in slow start.
    this.#congestionWindow = minimumWindow(this.#maxDatagramSize);
    this.#recoveryStart = undefined;
    this.#beforeReduction = undefined;
    this.#law.reset();
    return true;
  }

  onCongestionExperienced(timeSent: Instant, now: Instant): void {
    this.#reduce(timeSent, now);
  }

  #reduce(timeSent: Instant, now: Instant): boolean {
    // RFC 9002 §7.3.2: one reduction per recovery period.
    if (this.#recoveryStart !== undefined && timeSent <= this.#recoveryStart) return false;
    this.#beforeReduction = {
      congestionWindow: this.#congestionWindow,
      ssthresh: this.#ssthresh,
      recoveryStart: this.#recoveryStart,
      restoreLaw: this.#law.snapshot(),
    };
    this.#recoveryStart = now;
    this.#law.onReduction(this.#congestionWindow);
    this.#ssthresh = Math.floor(this.#congestionWindow * this.#law.reductionFactor);
    this.#congestionWindow = Math.max(this.#ssthresh, minimumWindow(this.#maxDatagramSize));
    return true;
  }

  onSpuriousCongestion(_now: Instant): void {
    const before = this.#beforeReduction;
    if (before === undefined) return;
    this.#congestionWindow = Math.max(this.#congestionWindow, before.congestionWindow);
    this.#ssthresh = before.ssthresh;
    this.#recoveryStart = before.recoveryStart;
    before.restoreLaw();
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
