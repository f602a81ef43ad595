/**
 * The sending half: SND.UNA, SND.NXT, the peer's window, what may leave now (RFC 9293 §3.8), and the timers of
 * retransmission, tail loss probes and window probes (RFC 6298, RFC 8985 §7). Loss detection is its neighbour's.
 */

import type { Rng } from "../base/rng.ts";
import { after, earliest, type Instant, type Micros, millis } from "../base/time.ts";
import { type CongestionControl, type CongestionController, createController } from "../congestion/index.ts";
import { LossDetection } from "./loss-detection.ts";
import { RttEstimator } from "./rto.ts";
import { Scoreboard, type SentRecord } from "./scoreboard.ts";
import { SendBuffer } from "./send-buffer.ts";

/** RFC 8985 §7.2, TLP.max_ack_delay, for a single segment whose acknowledgement the peer may delay. */
const MAX_ACK_DELAY = millis(200);
const MIN_PROBE_TIME = millis(10);
/** One tick of the timestamp clock. */
const TIMESTAMP_GRAIN = millis(1);
/** SHLD-10: R1, in retransmissions. */
const R1 = 3;
/** The largest frame that a device cuts, less its headers. */
const LARGEST_BURST = 65_000;

export interface SenderOptions {
  readonly congestionControl: CongestionControl;
  readonly minRto: Micros;
  /** R2 for data; SHLD-11: at least 100 s. */
  readonly userTimeout: Micros;
  /** R2 for SYN; MUST-23: at least 3 minutes. */
  readonly connectTimeout: Micros;
}

/** A run of positions that leaves in one segment, or in one large frame. 0 is the SYN, the last may be the FIN. */
export interface SendPlan {
  readonly start: number;
  readonly end: number;
  /** True for the last data that there is now (MUST-61). */
  readonly isPush: boolean;
  readonly isRetransmission: boolean;
}

export interface Acknowledgment {
  readonly position: number;
  /** The window in bytes. */
  readonly window: number;
  /** SEG.SEQ, as a position, for the order of window updates. */
  readonly segment: number;
  /** Pairs of positions. */
  readonly sack: readonly number[];
  /** When the segment left that the peer echoes. */
  readonly echo: Instant | undefined;
  /** No payload, no SYN, no FIN. */
  readonly isPure: boolean;
}

type TimerKind = "retransmission" | "tail-probe" | "window-probe";

export class Sender {
  readonly buffer = new SendBuffer();
  readonly scoreboard = new Scoreboard();
  readonly rtt: RttEstimator;
  readonly controller: CongestionController;
  readonly loss: LossDetection;
  /** SND.UNA and SND.NXT. */
  una = 0;
  next = 0;
  window = 0;
  /** The largest window that the peer offered. */
  maxWindow = 0;
  /** Payload bytes per segment. */
  mss: number;
  /** True if a device may cut large frames. */
  mayBurst = false;
  noDelay = false;
  hasSack = false;
  /** True from the moment at which data may leave: the connection is established. */
  isOpen = false;
  /** The position of our FIN; undefined while the application may write. */
  finAt: number | undefined;
  retransmissions = 0;
  readonly #options: SenderOptions;
  /** SND.WL1 and SND.WL2. */
  #wl1 = -1;
  #wl2 = -1;
  #timer: { readonly kind: TimerKind; readonly at: Instant } | undefined;
  #isProbeDue: "tail" | "window" | undefined;
  /** RFC 8985 §7: an outstanding tail loss probe. */
  #tailProbe: { readonly end: number; readonly isRetransmission: boolean } | undefined;
  /** RFC 5681 §3.1: after a timeout one segment leaves, until something is acknowledged. */
  #isLossWindow = false;
  /** RFC 5681 §3.2: the first retransmission does not wait for room in the reduced window. */
  #isFastRetransmit = false;
  /** When the peer last acknowledged something new, or sending began. */
  #progressAt = 0 as Instant;
  /** When the peer was last heard. */
  heardAt = 0 as Instant;

  constructor(options: SenderOptions, mss: number, rng: Rng) {
    this.#options = options;
    this.mss = mss;
    this.rtt = new RttEstimator(options.minRto);
    this.controller = createController(options.congestionControl, mss, rng);
    this.loss = new LossDetection(this.scoreboard, this.rtt);
  }

  /** The position after everything that the application wants to send. */
  get limit(): number {
    return this.finAt === undefined ? this.buffer.end : this.finAt + 1;
  }

  get isFinAcknowledged(): boolean {
    return this.finAt !== undefined && this.una > this.finAt;
  }

  /** Consecutive timeouts. */
  get timeouts(): number {
    return this.rtt.backoff;
  }

  setMss(mss: number): void {
    if (mss === this.mss) return;
    this.mss = mss;
    this.controller.setMaxDatagramSize(mss);
  }

  finish(): void {
    this.finAt ??= this.buffer.end;
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#timer?.at, this.loss.timer);
  }

  /** Returns "timeout" if R2 is exceeded, "slow" at R1. */
  handleTimeout(now: Instant): "timeout" | "slow" | undefined {
    if (this.loss.timer !== undefined && this.loss.timer <= now) {
      this.loss.stopTimer();
      this.#declareLost(this.loss.detect(this.mss, now), now);
    }
    const timer = this.#timer;
    if (timer === undefined || timer.at > now) return undefined;
    this.#timer = undefined;
    if (timer.kind === "tail-probe") {
      this.#isProbeDue = "tail";
      this.#arm("retransmission", this.rtt.rto, now);
      return undefined;
    }
    // MUST-37: a closed window may stay closed while the peer answers probes.
    const isOver =
      timer.kind === "window-probe" ? now - this.heardAt >= this.#options.userTimeout : now >= this.#giveUpAt;
    if (isOver) return "timeout";
    this.rtt.backOff();
    if (timer.kind === "window-probe") {
      // SHLD-30.
      this.#isProbeDue = "window";
      this.#arm("window-probe", this.rtt.rto, now);
      return undefined;
    }
    this.#onRetransmissionTimeout(now);
    return this.rtt.backoff === R1 ? "slow" : undefined;
  }

  /** RFC 6298 §5.4 to §5.7, RFC 5681 §3.1. */
  #onRetransmissionTimeout(now: Instant): void {
    const { records, first } = this.scoreboard;
    if (first === undefined) return;
    if (first.isSacked) this.scoreboard.renege();
    const inFlight = records.filter((record) => record.inFlight && !record.isSacked);
    for (const record of records) this.scoreboard.markLost(record);
    const bytes = inFlight.reduce((sum, { size }) => sum + size, 0);
    // A second timeout for the same data does not reduce ssthresh again.
    if (this.rtt.backoff === 1 && bytes > 0) {
      this.controller.onPacketsLost(inFlight, inFlight.at(-1)!.timeSent, true, now);
    } else this.controller.onPacketsDiscarded(bytes);
    for (const record of inFlight) record.inFlight = false;
    this.loss.recoveryPoint = this.next;
    this.#isLossWindow = true;
    this.#tailProbe = undefined;
    this.#arm("retransmission", this.rtt.rto, now);
  }

  /** An acceptable acknowledgement. Returns the number of bytes that it acknowledges for the first time. */
  onAck(ack: Acknowledgment, now: Instant): number {
    const { position, sack, echo } = ack;
    this.heardAt = now;
    const advanced = position - this.una;
    const isDuplicate = advanced === 0 && ack.isPure && !this.scoreboard.isEmpty && ack.window === this.window;
    this.#updateWindow(ack);
    const fresh = this.scoreboard.acknowledge(position);
    const isDuplicateReport = sack.length > 0 && (sack[1]! <= position || isWithin(sack));
    for (let i = isDuplicateReport ? 2 : 0; i < sack.length; i += 2) {
      this.scoreboard.sack(Math.max(sack[i]!, position), sack[i + 1]!, fresh);
    }
    if (isDuplicateReport) this.loss.onDuplicateReport();
    if (advanced > 0) {
      this.una = position;
      this.#progressAt = now;
      this.#isLossWindow = false;
      this.buffer.release(position);
      this.rtt.resetBackoff();
      this.loss.duplicates = 0;
    }
    this.#sampleRtt(fresh, advanced > 0 ? echo : undefined, now);
    this.loss.onDelivered(fresh, echo, now);
    const delivered = fresh.filter(({ inFlight }) => inFlight);
    if (delivered.length > 0) this.controller.onPacketsAcked(delivered, this.rtt, now);
    this.#endTailProbe(position, isDuplicateReport, now);
    this.#detectLoss(advanced, isDuplicate, now);
    if (this.loss.recoveryPoint !== undefined && this.una >= this.loss.recoveryPoint) this.loss.onRecoveryEnded();
    if (advanced > 0 || fresh.length > 0 || this.window === 0) this.#rearm(now);
    return advanced;
  }

  #updateWindow({ window, segment, position }: Acknowledgment): void {
    // RFC 9293 §3.10.7.4: an older segment does not change the window.
    if (segment < this.#wl1 || (segment === this.#wl1 && position < this.#wl2)) return;
    const wasClosed = this.window === 0;
    this.window = window;
    this.#wl1 = segment;
    this.#wl2 = position;
    if (window > this.maxWindow) this.maxWindow = window;
    if (!wasClosed || window === 0 || this.#timer?.kind !== "window-probe") return;
    this.#timer = undefined;
    this.rtt.resetBackoff();
    // What was probed with may have been dropped by the closed window.
    for (const record of this.scoreboard.records) if (!record.isSacked) this.#loseForProbe(record);
  }

  #loseForProbe(record: SentRecord): void {
    if (record.isLost || record.start >= this.una + this.window) return;
    if (record.inFlight) this.controller.onPacketsDiscarded(record.size);
    record.inFlight = false;
    this.scoreboard.markLost(record);
  }

  /** RFC 6298 §3: Karn's rule, unless timestamps tell the transmissions apart (RFC 7323 §4). */
  #sampleRtt(fresh: readonly SentRecord[], echo: Instant | undefined, now: Instant): void {
    let latest: SentRecord | undefined;
    let isAmbiguous = false;
    for (const record of fresh) {
      if (record.isRetransmitted) isAmbiguous = true;
      if (latest === undefined || record.timeSent > latest.timeSent) latest = record;
    }
    if (latest === undefined) return;
    // After a lost acknowledgment, the peer echoes a timestamp of long ago: only one of the last transmission counts.
    const isEchoed = echo !== undefined && echo + TIMESTAMP_GRAIN >= latest.timeSent;
    if (!isAmbiguous || isEchoed) this.rtt.onSample((now - latest.timeSent) as Micros);
  }

  #detectLoss(advanced: number, isDuplicate: boolean, now: Instant): void {
    if (this.hasSack) {
      this.#declareLost(this.loss.detect(this.mss, now), now);
      return;
    }
    let lost: SentRecord | undefined;
    if (isDuplicate) lost = this.loss.onDuplicateAck(this.mss);
    else if (advanced > 0 && this.loss.recoveryPoint !== undefined && this.una < this.loss.recoveryPoint) {
      lost = this.loss.onPartialAck(this.mss);
    }
    if (lost !== undefined) this.#declareLost([lost], now);
  }

  #declareLost(lost: readonly SentRecord[], now: Instant): void {
    if (lost.length === 0) return;
    const latest = lost.reduce((time, { timeSent }) => Math.max(time, timeSent), 0) as Instant;
    this.controller.onPacketsLost(lost, latest, false, now);
    for (const record of lost) record.inFlight = false;
    if (this.loss.recoveryPoint !== undefined) return;
    this.loss.recoveryPoint = this.next;
    this.#isFastRetransmit = true;
  }

  /** A router dropped what begins at this position because it was too big (RFC 1191 §6.4): it goes again, smaller. */
  onPacketTooBig(position: number, now: Instant): void {
    const { records } = this.scoreboard;
    for (const record of records) {
      if (record.end <= position || record.isSacked || record.isLost) continue;
      // Not a sign of congestion.
      if (record.inFlight) this.controller.onPacketsDiscarded(record.size);
      record.inFlight = false;
      this.scoreboard.markLost(record);
    }
    this.#rearm(now);
  }

  /** ECN: the peer saw a congestion mark (RFC 3168 §6.1.2). */
  onCongestionEcho(now: Instant): void {
    const first = this.scoreboard.first;
    this.controller.onCongestionExperienced(first?.timeSent ?? now, now);
  }

  /** RFC 8985 §7.4.2. */
  #endTailProbe(position: number, isDuplicateReport: boolean, now: Instant): void {
    const probe = this.#tailProbe;
    if (probe === undefined || position < probe.end) return;
    this.#tailProbe = undefined;
    // Original and probe both arrived, or the probe was new data: nothing was lost.
    if (!probe.isRetransmission || isDuplicateReport || position === probe.end) return;
    this.controller.onCongestionExperienced(now, now);
  }

  /** The next run to send, which counts as sent; undefined if nothing may leave now. */
  poll(now: Instant): SendPlan | undefined {
    return this.#pollProbe(now) ?? this.#pollLost(now) ?? this.#pollNew(now);
  }

  #pollProbe(now: Instant): SendPlan | undefined {
    const kind = this.#isProbeDue;
    this.#isProbeDue = undefined;
    if (kind === undefined) return undefined;
    if (kind === "window") return this.#probeWindow(now);
    const usable = Math.min(this.una + this.window - this.next, this.limit - this.next, this.mss);
    // RFC 8985 §7.3: new data if there is some, else the last segment again.
    if (usable > 0) {
      this.#tailProbe = { end: this.next + usable, isRetransmission: false };
      return this.#sendNew(usable, now);
    }
    const { records } = this.scoreboard;
    const last = records.at(-1);
    if (last === undefined || last.isSacked || last.isLost) return undefined;
    if (last.size > this.mss) this.scoreboard.split(records.length - 1, last.end - this.mss);
    this.#tailProbe = { end: this.next, isRetransmission: true };
    return this.#resend(records.length - 1, now);
  }

  /** MUST-36: one byte, sent again until the window opens. */
  #probeWindow(now: Instant): SendPlan | undefined {
    const { first } = this.scoreboard;
    if (first === undefined) return this.limit > this.next ? this.#sendNew(1, now) : undefined;
    if (first.size > 1) this.scoreboard.split(0, first.start + 1);
    return this.#resend(0, now);
  }

  #pollLost(now: Instant): SendPlan | undefined {
    const index = this.scoreboard.firstLost();
    if (index < 0) return undefined;
    const record = this.scoreboard.records[index]!;
    // SHLD-16: within the window; a closed one is probed.
    const usable = this.una + this.window - record.start;
    if (record.start > 0 && usable <= 0) {
      if (this.#timer?.kind !== "window-probe") this.#arm("window-probe", this.rtt.rto, now);
      return undefined;
    }
    const room = this.#room();
    const mayLeave = this.#isFastRetransmit || this.controller.bytesInFlight === 0;
    if (room < Math.min(this.mss, record.size) && !mayLeave) return undefined;
    this.#isFastRetransmit = false;
    const most = Math.max(this.mss, this.mayBurst ? Math.min(room, LARGEST_BURST) : 0);
    const size = Math.min(wholeSegments(most, this.mss), record.start > 0 ? usable : record.size);
    if (record.size > size) this.scoreboard.split(index, record.start + size);
    return this.#resend(index, now);
  }

  #resend(index: number, now: Instant): SendPlan {
    const record = this.scoreboard.records[index]!;
    if (record.inFlight) this.controller.onPacketsDiscarded(record.size);
    const delivery = this.controller.onPacketSent(record.size, now);
    this.scoreboard.markRetransmitted(record, now, delivery);
    this.retransmissions += 1;
    if (this.#timer === undefined) this.#rearm(now);
    return { start: record.start, end: record.end, isPush: record.end >= this.buffer.end, isRetransmission: true };
  }

  #pollNew(now: Instant): SendPlan | undefined {
    const left = this.limit - this.next;
    if (left <= 0) return undefined;
    if (this.next === 0) return this.#sendNew(1, now);
    if (!this.isOpen) return undefined;
    const usable = this.una + this.window - this.next;
    const size = this.#allowed(left, usable);
    if (size > 0) return this.#sendNew(size, now);
    // MUST-36, SHLD-29: nothing is on the way whose acknowledgement would open the window.
    if (this.scoreboard.isEmpty && this.#timer === undefined) this.#arm("window-probe", this.rtt.rto, now);
    return undefined;
  }

  /** MUST-38, SHLD-7: how much of `left` may leave, given the usable window, silly-window avoidance and Nagle. */
  #allowed(left: number, usable: number): number {
    const room = this.#room();
    const isIdle = this.scoreboard.isEmpty;
    const most = Math.min(left, usable, Math.max(room, isIdle ? this.mss : 0));
    if (most >= this.mss) {
      const burst = this.mayBurst ? Math.min(most, LARGEST_BURST) : this.mss;
      const whole = wholeSegments(burst, this.mss);
      // The rest goes along if it is the end and nothing holds it back.
      return burst === left && (this.noDelay || this.finAt !== undefined) ? burst : whole;
    }
    if (most <= 0) return 0;
    const isEverything = left <= usable && most === left;
    // The FIN needs no room in the window of data, and no company.
    if (isEverything && (this.noDelay || isIdle || this.finAt !== undefined)) return left;
    return isIdle && usable >= this.maxWindow / 2 ? most : 0;
  }

  /** Bytes that congestion control allows now. */
  #room(): number {
    const { bytesInFlight, congestionWindow } = this.controller;
    return (this.#isLossWindow ? this.mss : congestionWindow) - bytesInFlight;
  }

  #sendNew(size: number, now: Instant): SendPlan {
    const start = this.next;
    const isIdle = this.scoreboard.isEmpty;
    const delivery = this.controller.onPacketSent(size, now);
    this.scoreboard.push(start, start + size, now, delivery);
    this.next += size;
    if (isIdle) this.#progressAt = now;
    this.#armForNew(now);
    return { start, end: start + size, isPush: this.next >= this.buffer.end, isRetransmission: false };
  }

  #rearm(now: Instant): void {
    if (this.scoreboard.isEmpty) {
      this.#timer = undefined;
      return;
    }
    if (this.window === 0 && this.una > 0) {
      if (this.#timer?.kind !== "window-probe") this.#arm("window-probe", this.rtt.rto, now);
      return;
    }
    const probe = this.#probeTime();
    if (probe !== undefined && probe < this.rtt.rto) this.#arm("tail-probe", probe, now);
    else this.#arm("retransmission", this.rtt.rto, now);
  }

  /** RFC 6298 §5.1: a running timeout goes on. RFC 8985 §7.2: a probe waits for the latest segment. */
  #armForNew(now: Instant): void {
    if (this.#timer === undefined) {
      this.#rearm(now);
      return;
    }
    const probe = this.#timer.kind === "window-probe" ? undefined : this.#probeTime();
    if (probe !== undefined && probe < this.rtt.rto) this.#arm("tail-probe", probe, now);
  }

  /** RFC 8985 §7.2; undefined if a timeout is due rather than a probe. */
  #probeTime(): Micros | undefined {
    const { sackedBytes, lostCount, records } = this.scoreboard;
    const isEligible = this.hasSack && this.rtt.hasSample && this.#tailProbe === undefined && this.rtt.backoff === 0;
    if (!isEligible || this.loss.isRecovering || sackedBytes > 0 || lostCount > 0) return undefined;
    const isSingle = this.next - records[0]!.start <= this.mss;
    return Math.max(MIN_PROBE_TIME, 2 * this.rtt.smoothed + (isSingle ? MAX_ACK_DELAY : 0)) as Micros;
  }

  #arm(kind: TimerKind, span: Micros, now: Instant): void {
    const at = after(now, span);
    // MUST-21: R2 ends the connection when it is reached, not at the retransmission after it.
    this.#timer = { kind, at: kind === "retransmission" ? (Math.min(at, this.#giveUpAt) as Instant) : at };
  }

  get #giveUpAt(): number {
    const { connectTimeout, userTimeout } = this.#options;
    return this.#progressAt + (this.una === 0 ? connectTimeout : userTimeout);
  }
}

/** RFC 2883 §4: a first block that lies in the second reports data that arrived twice. */
const isWithin = (sack: readonly number[]): boolean => sack.length >= 4 && sack[0]! >= sack[2]! && sack[1]! <= sack[3]!;

const wholeSegments = (bytes: number, mss: number): number => Math.floor(bytes / mss) * mss;
