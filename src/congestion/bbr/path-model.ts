/**
 * BBR's model of the path (draft-ietf-ccwg-bbr §5.5): how fast it delivers, and how much of it may be in flight. The
 * long-term part covers the last two probing cycles. The short-term part reacts to loss between two probes and is
 * forgotten at the next.
 */

import type { RateSample } from "../delivery-rate.ts";
import { MaxFilter } from "./max-filter.ts";

/** §2.8, BBR.Beta: the smallest factor by which one round trip with loss reduces the short-term bounds. */
export const BETA = 0.7;

/** §2.8, BBR.Headroom: the share of the long-term bound that is left to other flows. */
const HEADROOM = 0.15;

/** §2.11, BBR.MaxBwFilterLen: the current probing cycle and the one before. */
const BANDWIDTH_CYCLES = 2;

const UNBOUNDED = Number.POSITIVE_INFINITY;

/** The bounds before an episode of loss, kept in case it proves spurious. */
export interface SavedBounds {
  readonly bandwidthShortTerm: number;
  readonly inflightShortTerm: number;
  readonly inflightLongTerm: number;
}

export class PathModel {
  /** §5.5.1: round trips so far. */
  round = 0;
  /** True while the ACK that began a round trip is handled. */
  isRoundStart = false;
  /** True while the ACK that ended a round trip in which loss can be judged is handled. */
  isLossRoundStart = false;
  isLossInRound = false;
  /** The largest volume delivered in a round trip. */
  inflightLatest = 0;
  /** Bytes in flight that caused acceptable loss, as far as is known. */
  inflightLongTerm = UNBOUNDED;
  inflightShortTerm = UNBOUNDED;
  /** §5.5.10.3: bytes per microsecond, within the short-term bound. */
  bandwidth = 0;
  #bandwidthShortTerm = UNBOUNDED;
  #bandwidthLatest = 0;
  readonly #maxBandwidth = new MaxFilter();
  #cycle = 0;
  #roundEnd = 0;
  #lossRoundEnd = 0;

  /** Bytes per microsecond. */
  get maxBandwidth(): number {
    return this.#maxBandwidth.max;
  }

  /** §5.5.1, StartRound: the current round trip ends when something sent from now on is acknowledged. */
  startRound(delivered: number): void {
    this.#roundEnd = delivered;
  }

  /** §5.5.6: a probing cycle has ended. */
  advanceCycle(): void {
    this.#cycle += 1;
  }

  /** §5.5.10.3, first part. `delivered` counts all bytes delivered so far. Returns true if a round trip began. */
  onSample(sample: RateSample, delivered: number): boolean {
    this.isLossRoundStart = sample.priorDelivered >= this.#lossRoundEnd;
    if (this.isLossRoundStart) this.#lossRoundEnd = delivered;
    this.#bandwidthLatest = Math.max(this.#bandwidthLatest, sample.rate);
    this.inflightLatest = Math.max(this.inflightLatest, sample.delivered);
    this.isRoundStart = sample.priorDelivered >= this.#roundEnd;
    if (this.isRoundStart) {
      this.startRound(delivered);
      this.round += 1;
    }
    // §5.5.4: a sample limited by the application only counts if it is larger than all others.
    if (sample.rate > 0 && (sample.rate >= this.maxBandwidth || !sample.isAppLimited)) {
      this.#maxBandwidth.add(sample.rate, this.#cycle, BANDWIDTH_CYCLES);
    }
    return this.isRoundStart;
  }

  /** §5.5.10.3: adapts the short-term bounds once per round trip, unless the sender is probing. */
  adaptToLoss(isProbing: boolean, window: number): void {
    if (!this.isLossRoundStart) return;
    if (this.isLossInRound && !isProbing) {
      if (this.#bandwidthShortTerm === UNBOUNDED) this.#bandwidthShortTerm = this.maxBandwidth;
      if (this.inflightShortTerm === UNBOUNDED) this.inflightShortTerm = window;
      this.#bandwidthShortTerm = Math.max(this.#bandwidthLatest, BETA * this.#bandwidthShortTerm);
      this.inflightShortTerm = Math.max(this.inflightLatest, BETA * this.inflightShortTerm);
    }
    this.isLossInRound = false;
  }

  /** §5.5.10.3, last part. */
  finishSample(sample: RateSample): void {
    if (this.isLossRoundStart) {
      this.#bandwidthLatest = sample.rate;
      this.inflightLatest = sample.delivered;
    }
    this.bandwidth = Math.min(this.maxBandwidth, this.#bandwidthShortTerm);
  }

  /** §5.5.10.2, NoteLoss. Returns true for the first loss in a round trip. */
  noteLoss(delivered: number): boolean {
    if (this.isLossInRound) return false;
    this.#lossRoundEnd = delivered;
    this.isLossInRound = true;
    return true;
  }

  resetCongestionSignals(): void {
    this.isLossInRound = false;
    this.#bandwidthLatest = 0;
    this.inflightLatest = 0;
  }

  resetShortTerm(): void {
    this.#bandwidthShortTerm = UNBOUNDED;
    this.inflightShortTerm = UNBOUNDED;
  }

  /** §5.3.3.9, InflightWithHeadroom. */
  inflightWithHeadroom(maxDatagramSize: number, minimum: number): number {
    if (this.inflightLongTerm === UNBOUNDED) return UNBOUNDED;
    const headroom = Math.max(maxDatagramSize, HEADROOM * this.inflightLongTerm);
    return Math.max(this.inflightLongTerm - headroom, minimum);
  }

  save(): SavedBounds {
    const { inflightShortTerm, inflightLongTerm } = this;
    return { bandwidthShortTerm: this.#bandwidthShortTerm, inflightShortTerm, inflightLongTerm };
  }

  /** §5.5.11.2: the loss was spurious; the bounds become at least what they were. */
  restore(saved: SavedBounds): void {
    this.isLossInRound = false;
    this.#bandwidthShortTerm = Math.max(this.#bandwidthShortTerm, saved.bandwidthShortTerm);
    this.inflightShortTerm = Math.max(this.inflightShortTerm, saved.inflightShortTerm);
    this.inflightLongTerm = Math.max(this.inflightLongTerm, saved.inflightLongTerm);
  }
}
