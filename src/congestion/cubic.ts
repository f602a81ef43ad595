/**
 * CUBIC (RFC 9438): after a reduction the window approaches its former size along a cubic curve, which depends on the
 * time since the reduction and not on the round-trip time, and then probes beyond it. Where NewReno would be faster,
 * CUBIC follows an estimate of NewReno's window.
 */

import type { Instant } from "../base/time.ts";
import type { RttView } from "./controller.ts";
import { type AvoidanceLaw, LossBasedController } from "./loss-based.ts";

/** RFC 9438 §5.1: segments per second cubed. */
const C = 0.4;

/** RFC 9438 §4.6. */
const BETA = 0.7;

/** RFC 9438 §4.3: the increase per window at which a window reduced by β is as large on average as NewReno's. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);

/** RFC 9438 §4.2: the window grows by at most half in a round trip. */
const MAX_GROWTH = 1.5;

const MICROS_PER_SECOND = 1e6;

/** A period of congestion avoidance. */
interface Epoch {
  /** Moves forward while the window is underused, so that idle time does not count. */
  start: Instant;
  /** RFC 9438 §4.2: seconds until the curve reaches `plateau`. */
  readonly k: number;
  /** Bytes; where the curve is flat. */
  readonly plateau: number;
  /** RFC 9438 §4.3, W_est: NewReno's window in the same situation. */
  estimate: number;
  underusedSince: Instant | undefined;
}

export class CubicLaw implements AvoidanceLaw {
  readonly name = "CUBIC";
  readonly reductionFactor = BETA;
  /** RFC 9438 §4.1.2, W_max: the window before the last reduction, or less (§4.7). */
  #maxWindow = 0;
  /** RFC 9438 §4.1.2, cwnd_prior. */
  #priorWindow = 0;
  /** Bytes by which NewReno's window would have grown since the last reduction, before the epoch began. */
  #gain = 0;
  #epoch: Epoch | undefined;

  onReduction(window: number): void {
    this.#priorWindow = window;
    // RFC 9438 §4.7, fast convergence: leave room for new flows while the available share shrinks.
    this.#maxWindow = window < this.#maxWindow ? (window * (1 + BETA)) / 2 : window;
    this.#gain = 0;
    this.#epoch = undefined;
  }

  reset(): void {
    this.#gain = 0;
    this.#epoch = undefined;
  }

  /**
   * deviation: RFC 9438 §4.3 counts from the end of recovery. RFC 8312 §4.2, which others follow, counts from the
   * congestion event; without that round trip, frequent losses would make this the slowest flow.
   */
  onRecovering(acknowledged: number, window: number, maxDatagramSize: number): void {
    if (this.#epoch === undefined) this.#gain += (ALPHA * maxDatagramSize * acknowledged) / window;
  }

  grow(acknowledged: number, window: number, maxDatagramSize: number, rtt: RttView, now: Instant): number {
    const epoch = this.#epochAt(window, maxDatagramSize, now);
    if (epoch.underusedSince !== undefined) {
      // RFC 9438 §5.8: time during which the window was underused does not count.
      epoch.start = (epoch.start + (now - epoch.underusedSince)) as Instant;
      epoch.underusedSince = undefined;
    }
    // RFC 9438 §4.3.
    const alpha = epoch.estimate >= this.#priorWindow ? 1 : ALPHA;
    epoch.estimate += (alpha * maxDatagramSize * acknowledged) / window;
    const seconds = (now - epoch.start) / MICROS_PER_SECOND;
    if (curve(epoch, seconds, maxDatagramSize) < epoch.estimate)
      return Math.max(window, nearest(epoch.estimate, maxDatagramSize));
    // RFC 9438 §4.2, §4.4, §4.5.
    const ahead = curve(epoch, seconds + rtt.smoothed / MICROS_PER_SECOND, maxDatagramSize);
    const target = Math.min(Math.max(ahead, window), MAX_GROWTH * window);
    return window + ((target - window) * acknowledged) / window;
  }

  onUnderused(now: Instant): void {
    if (this.#epoch !== undefined) this.#epoch.underusedSince ??= now;
  }

  snapshot(): () => void {
    const [maxWindow, priorWindow, gain] = [this.#maxWindow, this.#priorWindow, this.#gain];
    const epoch = this.#epoch === undefined ? undefined : { ...this.#epoch };
    return () => {
      this.#maxWindow = maxWindow;
      this.#priorWindow = priorWindow;
      this.#gain = gain;
      this.#epoch = epoch;
    };
  }

  #epochAt(window: number, maxDatagramSize: number, now: Instant): Epoch {
    if (this.#epoch !== undefined) return this.#epoch;
    const missing = Math.max(0, this.#maxWindow - window);
    this.#epoch = {
      start: now,
      k: Math.cbrt(missing / maxDatagramSize / C),
      plateau: window + missing,
      estimate: window + this.#gain,
      underusedSince: undefined,
    };
    return this.#epoch;
  }
}

/** Only whole datagrams are sent: rounding down would waste half of one on average, which matters in small windows. */
const nearest = (window: number, maxDatagramSize: number): number =>
  Math.round(window / maxDatagramSize) * maxDatagramSize;

/** RFC 9438 §4.2, W_cubic(t). */
const curve = ({ k, plateau }: Epoch, seconds: number, maxDatagramSize: number): number =>
  plateau + C * (seconds - k) ** 3 * maxDatagramSize;

/** CUBIC (RFC 9438). */
export class Cubic extends LossBasedController {
  constructor(maxDatagramSize: number) {
    super(new CubicLaw(), maxDatagramSize);
  }
}
