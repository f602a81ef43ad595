/**
 * BBR version 3 (draft-ietf-ccwg-bbr): sends at the rate at which the network delivers, instead of filling its queues
 * until packets are lost. It measures the delivery rate and the round-trip time without queues, keeps about that much
 * in flight, and from time to time probes for more.
 *
 * This file is the state machine, and sets the window and the pacing rate. Section numbers are the draft's.
 */

import type { Rng } from "../../base/rng.ts";
import { after, type Instant, millis } from "../../base/time.ts";
import {
  type CongestionController,
  type CongestionPacket,
  initialWindow,
  minimumWindow,
  type RttView,
} from "../controller.ts";
import { DeliveryRate, type PacketDelivery, type RateSample } from "../delivery-rate.ts";
import { WindowUtilization } from "../utilization.ts";
import { AckAggregation } from "./ack-aggregation.ts";
import { BandwidthProbe } from "./bandwidth-probe.ts";
import { FullPipe } from "./full-pipe.ts";
import { inflightAtLoss, isLossTooHigh } from "./loss.ts";
import { MinRtt } from "./min-rtt.ts";
import { BETA, PathModel, type SavedBounds } from "./path-model.ts";
import { type BbrState, GAINS, isAccelerating, isProbeBw } from "./state.ts";
import { Targets } from "./targets.ts";

/** §5.3.1.3: startup ends early if this many ACKs of one round trip report losses. */
const STARTUP_LOSS_EVENTS = 6;

/** §5.6.2: pace one percent below the bandwidth, so that queues shrink. */
const PACING_MARGIN = 0.99;

/** §5.3.2: drain ends after this many round trips, even if the queue is not empty. */
const DRAIN_ROUNDS = 3;

/** §2.16.2, BBR.ProbeRTTDuration. */
const PROBE_RTT_DURATION = millis(200);

/** The window counts as filled if fewer datagrams than this would still have fitted. */
const SLACK_DATAGRAMS = 3;

/** §5.3.4.3: how far a measurement of the minimum RTT is. */
interface RttProbe {
  /** When it may end; undefined until little enough is in flight. */
  end: Instant | undefined;
  hasRound: boolean;
}

/** §5.5.11.1: the state before an episode of loss. */
interface BeforeLoss {
  readonly bounds: SavedBounds;
  /** The state that the loss ended. */
  endedState?: "startup" | "probe-bw-up";
}

export class Bbr implements CongestionController {
  readonly name = "BBR";
  readonly #rate = new DeliveryRate();
  readonly #model = new PathModel();
  readonly #pipe = new FullPipe();
  readonly #minRtt = new MinRtt();
  readonly #aggregation = new AckAggregation();
  readonly #targets: Targets;
  readonly #utilization = new WindowUtilization();
  readonly #probe: BandwidthProbe;
  #maxDatagramSize: number;
  #state: BbrState = "startup";
  #congestionWindow: number;
  #bytesInFlight = 0;
  /** Bytes per microsecond; undefined before the first RTT sample. */
  #pacingRate: number | undefined;
  /** True after an idle time: the pace is the bandwidth, whatever the state's gain (§5.4.1). */
  #isRestarting = false;
  #drainStartRound = 0;
  #rttProbe: RttProbe = { end: undefined, hasRound: false };
  /** The window to return to after a probe of the RTT or persistent congestion. */
  #priorWindow = 0;
  /** The ACKs of the current round trip that reported losses. */
  #lossEvents = 0;
  /** A loss or mark of a packet sent after this begins a new recovery period (RFC 9002 §7.3.2). */
  #recoveryStart: Instant | undefined;
  #isRecovering = false;
  #beforeLoss: BeforeLoss | undefined;

  constructor(maxDatagramSize: number, rng: Rng) {
    this.#maxDatagramSize = maxDatagramSize;
    this.#congestionWindow = initialWindow(maxDatagramSize);
    this.#targets = new Targets(this.#model, this.#minRtt, this.#aggregation, maxDatagramSize);
    this.#probe = new BandwidthProbe(rng);
  }

  // ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get state(): BbrState {
    return this.#state;
  }

  /** The largest recent delivery rate, in bytes per microsecond. */
  get maxBandwidth(): number {
    return this.#model.maxBandwidth;
  }

  get congestionWindow(): number {
    return Math.floor(this.#congestionWindow);
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** BBR has no slow start threshold. */
  readonly ssthresh = Number.POSITIVE_INFINITY;

  pacingRate(rtt: Pick<RttView, "smoothed">): number {
    // §5.6.2, InitPacingRate.
    return this.#pacingRate ?? (GAINS.startup.pacing * this.#congestionWindow) / Math.max(rtt.smoothed, 1);
  }

  canSend(size = this.#maxDatagramSize): boolean {
    return this.#bytesInFlight + size <= this.#congestionWindow;
  }

  // ── Input ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  onPacketSent(size: number, now: Instant): PacketDelivery {
    if (this.#bytesInFlight === 0 && this.#rate.isAppLimited) this.#restartFromIdle(now);
    this.#bytesInFlight += size;
    this.#utilization.onPacketSent(this.#bytesInFlight);
    return this.#rate.onSent(size, this.#bytesInFlight, now);
  }

  onApplicationLimited(): void {
    if (this.#bytesInFlight < this.#congestionWindow) this.#rate.onAppLimited(this.#bytesInFlight);
  }

  onPacketsAcked(packets: readonly CongestionPacket[], rtt: RttView, now: Instant): void {
    let left = 0;
    for (const packet of packets) if (packet.inFlight) left += packet.size;
    if (left === 0) return;
    const latest = packets.at(-1)!.timeSent;
    this.#utilization.onPacketsAcked(latest, this.#bytesInFlight, now);
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - left);
    this.#pacingRate ??= this.pacingRate(rtt);
    if (this.#isRecovering && latest > this.#recoveryStart!) this.#endRecovery();
    const sample = this.#rate.onAcked(packets, rtt.min, now);
    if (sample === undefined) return;
    this.#update(sample, now);
    this.#setPacingRate(GAINS[this.#state].pacing);
    this.#setWindow(sample.newlyAcked);
  }

  onPacketsLost(
    packets: readonly CongestionPacket[],
    largestLostTimeSent: Instant,
    persistent: boolean,
    now: Instant,
  ): boolean {
    let lost = 0;
    for (const packet of packets) {
      if (!packet.inFlight) continue;
      lost += packet.size;
      this.#bytesInFlight = Math.max(0, this.#bytesInFlight - packet.size);
      this.#rate.onLost(packet.size);
      this.#noteLoss();
      if (packet.delivery !== undefined) this.#judgeLoss(packet.size, packet.delivery, now);
    }
    if (lost === 0) return false;
    this.#lossEvents += 1;
    const isNewEpisode = this.#enterRecovery(largestLostTimeSent, now);
    if (persistent) {
      // RFC 9002 §7.6.2; §5.6.4.4, OnEnterRTO. The window returns to its former value once the path delivers again.
      this.#saveWindow();
      this.#congestionWindow = minimumWindow(this.#maxDatagramSize);
    }
    return isNewEpisode;
  }

  /**
   * deviation: the draft does not use ECN, but RFC 9002 §7.1 requires that a mark counts as congestion. It counts like
   * more loss than a probe may cause.
   */
  onCongestionExperienced(timeSent: Instant, now: Instant): void {
    if (!this.#enterRecovery(timeSent, now)) return;
    this.#noteLoss();
    if (this.#state === "startup") this.#endStartup();
    else if (this.#probe.isSample) this.#answerProbeLoss(this.#bytesInFlight, this.#rate.isAppLimited, now);
  }

  /** §5.5.11.2. */
  onSpuriousCongestion(_now: Instant): void {
    const before = this.#beforeLoss;
    if (before === undefined) return;
    this.#beforeLoss = undefined;
    this.#restoreWindow();
    this.#pipe.restart();
    this.#model.restore(before.bounds);
    if (before.endedState === undefined || before.endedState === this.#state) return;
    if (before.endedState === "startup") this.#pipe.isReached = false;
    if (this.#state === "probe-rtt") return;
    if (before.endedState === "startup") this.#state = "startup";
    else this.#startRefill();
    this.#setPacingRate(GAINS[this.#state].pacing);
    this.#setWindow(0);
  }

  onPacketsDiscarded(bytes: number): void {
    this.#bytesInFlight = Math.max(0, this.#bytesInFlight - bytes);
  }

  setMaxDatagramSize(bytes: number): void {
    // RFC 9002 §7.2: recompute a window that is still the initial one.
    const isInitial = this.#congestionWindow === initialWindow(this.#maxDatagramSize);
    this.#maxDatagramSize = bytes;
    this.#targets.maxDatagramSize = bytes;
    this.#congestionWindow = isInitial ? initialWindow(bytes) : Math.max(this.#congestionWindow, minimumWindow(bytes));
  }

  // ── §5.2.3: what happens on every ACK ─────────────────────────────────────────────────────────────────────────────

  #update(sample: RateSample, now: Instant): void {
    const model = this.#model;
    if (model.onSample(sample, this.#rate.delivered)) this.#probe.onRound();
    model.adaptToLoss(isAccelerating(this.#state), this.#congestionWindow);
    const window = this.#congestionWindow;
    this.#aggregation.onAcked(sample.newlyAcked, model.bandwidth, window, model.round, this.#pipe.isReached, now);
    if (model.isRoundStart) this.#pipe.onRound(sample);
    this.#checkStartup(sample);
    if (this.#state === "drain" && this.#isDrained) this.#startDown(now);
    this.#updateCycle(sample, now);
    this.#minRtt.onSample(sample.rtt, now);
    this.#checkRttProbe(now);
    this.#isRestarting = false;
    model.finishSample(sample);
    if (model.isLossRoundStart) this.#lossEvents = 0;
  }

  // ── §5.3.1, §5.3.2: startup and drain ─────────────────────────────────────────────────────────────────────────────

  #checkStartup(sample: RateSample): void {
    if (this.#state !== "startup") return;
    // §5.3.1.3: after a whole round trip of recovery, so that single bursts do not end startup.
    const isLossHigh =
      this.#isRecovering &&
      this.#model.isLossRoundStart &&
      this.#lossEvents >= STARTUP_LOSS_EVENTS &&
      isLossTooHigh(sample.lost, sample.inFlight);
    if (isLossHigh) this.#endStartup();
    else if (this.#pipe.isReached) this.#startDrain();
  }

  /** Congestion, not the delivery rate, shows that the pipe is full. */
  #endStartup(): void {
    if (this.#beforeLoss !== undefined) this.#beforeLoss.endedState = "startup";
    this.#pipe.isReached = true;
    this.#model.inflightLongTerm = Math.max(this.#targets.bdp(1), this.#model.inflightLatest);
    this.#startDrain();
  }

  #startDrain(): void {
    this.#state = "drain";
    this.#drainStartRound = this.#model.round;
  }

  get #isDrained(): boolean {
    return (
      this.#bytesInFlight <= this.#targets.inflight(1, this.#state) ||
      this.#model.round > this.#drainStartRound + DRAIN_ROUNDS
    );
  }

  // ── §5.3.3: probing for bandwidth ─────────────────────────────────────────────────────────────────────────────────

  #startDown(now: Instant): void {
    this.#model.resetCongestionSignals();
    this.#probe.onDown(now);
    this.#model.startRound(this.#rate.delivered);
    this.#state = "probe-bw-down";
  }

  #startRefill(): void {
    this.#model.resetShortTerm();
    this.#probe.onRefill();
    this.#model.startRound(this.#rate.delivered);
    this.#state = "probe-bw-refill";
  }

  #startUp({ rate }: RateSample): void {
    this.#probe.onUp(this.#congestionWindow, this.#maxDatagramSize);
    this.#model.startRound(this.#rate.delivered);
    this.#pipe.restart(rate);
    this.#state = "probe-bw-up";
  }

  #updateCycle(sample: RateSample, now: Instant): void {
    if (!this.#pipe.isReached || this.#adaptLongTerm(sample)) return;
    switch (this.#state) {
      case "probe-bw-down":
      case "probe-bw-cruise":
        if (this.#probe.isDue(this.#targets.targetInflight(this.#congestionWindow) / this.#maxDatagramSize, now))
          this.#startRefill();
        else if (this.#state === "probe-bw-down" && this.#isTimeToCruise) this.#state = "probe-bw-cruise";
        return;
      case "probe-bw-refill":
        if (this.#model.isRoundStart) this.#startUp(sample);
        return;
      case "probe-bw-up":
        if (!this.#isTimeToGoDown(sample)) return;
        this.#probe.wasTooHigh = false;
        this.#startDown(now);
        return;
      default:
    }
  }

  /** §5.3.3.9, AdaptLongTermModel. Returns true if it decided on a transition. */
  #adaptLongTerm(sample: RateSample): boolean {
    const probe = this.#probe;
    const { isRoundStart } = this.#model;
    if (probe.ackPhase === "starting" && isRoundStart) probe.ackPhase = "feedback";
    if (probe.ackPhase === "stopping" && isRoundStart) {
      probe.isSample = false;
      probe.ackPhase = "none";
      if (isProbeBw(this.#state)) {
        if (!sample.isAppLimited) this.#model.advanceCycle();
        // §5.3.3.6: the cautious probe met no loss, so the next may stay.
        if (probe.wasPrecautionary && !probe.wasTooHigh) {
          this.#startRefill();
          return true;
        }
      }
    }
    if (isLossTooHigh(sample.lost, sample.inFlight)) return false;
    const { inflightLongTerm } = this.#model;
    if (inflightLongTerm === Number.POSITIVE_INFINITY) return false;
    this.#model.inflightLongTerm = Math.max(inflightLongTerm, sample.inFlight);
    if (this.#state === "probe-bw-up" && this.#isLimitedByLongTerm) {
      const window = this.#congestionWindow;
      const growth = probe.growth(sample.newlyAcked, window, this.#maxDatagramSize, isRoundStart);
      this.#model.inflightLongTerm += growth;
    }
    return false;
  }

  /** True if the window, which the long-term bound limits, was filled. */
  get #isLimitedByLongTerm(): boolean {
    const slack = SLACK_DATAGRAMS * this.#maxDatagramSize;
    const isFilled = this.#utilization.peak + slack > this.#congestionWindow;
    return isFilled && this.#congestionWindow >= this.#model.inflightLongTerm;
  }

  get #isTimeToCruise(): boolean {
    const { inflightLongTerm } = this.#model;
    const withHeadroom = this.#targets.inflightWithHeadroom;
    if (inflightLongTerm !== Number.POSITIVE_INFINITY && this.#bytesInFlight > withHeadroom) return false;
    return this.#bytesInFlight <= this.#targets.inflight(1, this.#state, this.#model.maxBandwidth);
  }

  #isTimeToGoDown({ rate }: RateSample): boolean {
    // §5.3.3.6: the last probe met too much loss at this point.
    if (this.#probe.wasTooHigh && this.#bytesInFlight >= this.#model.inflightLongTerm) {
      this.#probe.wasPrecautionary = true;
      return true;
    }
    if (!this.#isLimitedByLongTerm) return this.#pipe.isFull;
    // The bound, not the network, limits the rate.
    this.#pipe.restart(rate);
    return false;
  }

  // ── §5.5.10: loss ─────────────────────────────────────────────────────────────────────────────────────────────────

  #noteLoss(): void {
    if (!this.#model.noteLoss(this.#rate.delivered)) return;
    this.#saveWindow();
    this.#beforeLoss = { bounds: this.#model.save() };
  }

  /** §5.5.10.2, HandleLostPacket. */
  #judgeLoss(size: number, { lost: lostBefore, inFlight, isAppLimited }: PacketDelivery, now: Instant): void {
    if (!this.#probe.isSample) return;
    const lost = this.#rate.lost - lostBefore;
    if (!isLossTooHigh(lost, inFlight)) return;
    this.#answerProbeLoss(inflightAtLoss(size, lost, inFlight), isAppLimited, now);
  }

  /** §5.5.10.2, HandleInflightTooHigh. */
  #answerProbeLoss(inFlight: number, isAppLimited: boolean, now: Instant): void {
    this.#probe.wasTooHigh = true;
    this.#probe.isSample = false;
    if (!isAppLimited)
      this.#model.inflightLongTerm = Math.max(inFlight, this.#targets.targetInflight(this.#congestionWindow) * BETA);
    if (this.#state !== "probe-bw-up") return;
    if (this.#beforeLoss !== undefined) this.#beforeLoss.endedState = "probe-bw-up";
    this.#startDown(now);
  }

  /** RFC 9002 §7.3.2: returns true if this begins a recovery period. */
  #enterRecovery(timeSent: Instant, now: Instant): boolean {
    if (this.#recoveryStart !== undefined && timeSent <= this.#recoveryStart) return false;
    this.#recoveryStart = now;
    this.#isRecovering = true;
    return true;
  }

  #endRecovery(): void {
    this.#isRecovering = false;
    this.#restoreWindow();
  }

  /** §5.6.4.4, SaveCwnd. */
  #saveWindow(): void {
    const isReduced = this.#isRecovering || this.#state === "probe-rtt";
    this.#priorWindow = isReduced ? Math.max(this.#priorWindow, this.#congestionWindow) : this.#congestionWindow;
  }

  #restoreWindow(): void {
    this.#congestionWindow = Math.max(this.#congestionWindow, this.#priorWindow);
  }

  // ── §5.3.4: probing for the minimum RTT ───────────────────────────────────────────────────────────────────────────

  #checkRttProbe(now: Instant): void {
    if (this.#state !== "probe-rtt" && this.#minRtt.isProbeDue && !this.#isRestarting) {
      this.#saveWindow();
      this.#state = "probe-rtt";
      this.#rttProbe = { end: undefined, hasRound: false };
      this.#probe.ackPhase = "stopping";
      this.#model.startRound(this.#rate.delivered);
    }
    if (this.#state !== "probe-rtt") return;
    // The low rates of this time say nothing about the network.
    this.#rate.onAppLimited(this.#bytesInFlight);
    const probe = this.#rttProbe;
    if (probe.end === undefined) {
      if (this.#bytesInFlight > this.#targets.rttProbeWindow) return;
      probe.end = after(now, PROBE_RTT_DURATION);
      this.#model.startRound(this.#rate.delivered);
      return;
    }
    probe.hasRound ||= this.#model.isRoundStart;
    if (probe.hasRound) this.#endRttProbe(now);
  }

  #endRttProbe(now: Instant): void {
    const { end } = this.#rttProbe;
    if (end === undefined || now <= end) return;
    this.#minRtt.onProbed(now);
    this.#restoreWindow();
    this.#model.resetShortTerm();
    if (this.#pipe.isReached) {
      this.#startDown(now);
      this.#state = "probe-bw-cruise";
    } else {
      this.#state = "startup";
    }
  }

  /** §5.4.1. */
  #restartFromIdle(now: Instant): void {
    this.#isRestarting = true;
    this.#aggregation.restart(now);
    if (isProbeBw(this.#state)) this.#setPacingRate(1);
    else if (this.#state === "probe-rtt") this.#endRttProbe(now);
  }

  // ── §5.6: window and pacing rate ──────────────────────────────────────────────────────────────────────────────────

  /** §5.6.2. */
  #setPacingRate(gain: number): void {
    const rate = gain * this.#model.bandwidth * PACING_MARGIN;
    // Until the pipe was full once, low samples must not slow the sender down.
    if (rate > 0 && (this.#pipe.isReached || rate > (this.#pacingRate ?? 0))) this.#pacingRate = rate;
    this.#targets.pacingRate = this.#pacingRate ?? 0;
  }

  /** §5.6.4.6, SetCwnd. */
  #setWindow(acknowledged: number): void {
    const target = this.#targets.maxInflight(this.#state);
    const window = this.#congestionWindow;
    if (this.#pipe.isReached) {
      this.#congestionWindow = Math.min(window + acknowledged, target);
    } else if (window < target || this.#rate.delivered < initialWindow(this.#maxDatagramSize)) {
      this.#congestionWindow = window + acknowledged;
    }
    const cap = this.#targets.windowCap(this.#state);
    this.#congestionWindow = Math.max(Math.min(this.#congestionWindow, cap), this.#targets.minPipe);
  }
}
