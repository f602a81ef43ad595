/**
 * Loss recovery of one connection on one path (RFC 9002 §6, Appendix A): what is acknowledged, what is lost, when to
 * probe. The conductor tells it of packets sent and ACK frames received and asks it for the next deadline; it tells the
 * path's RTT estimator and congestion controller. It never builds a packet and never sends anything again itself:
 * what lost packets carried goes back to the owners of that content.
 */

import type { Rng } from "../../base/rng.ts";
import { after, type Instant, type Micros, micros } from "../../base/time.ts";
import { Level } from "../../tls/handshake.ts";
import type { AckFrame } from "../frame/frames.ts";
import type { Path } from "../path/path.ts";
import { GRANULARITY } from "../path/rtt.ts";
import type { LostPacket } from "./lost-packets.ts";
import type { SentPacket } from "./sent-packet.ts";
import { SkippedNumbers } from "./skipped-numbers.ts";
import { PacketNumberSpace } from "./space.ts";

/** RFC 9002 §6.1.1, kPacketThreshold. */
const PACKET_THRESHOLD = 3;

/** How far reordering seen on the path may raise the threshold. */
const MAX_PACKET_THRESHOLD = 32;

/** RFC 9002 §6.1.2, kTimeThreshold. */
const TIME_THRESHOLD = 9 / 8;

/** RFC 9002 §7.6.1, kPersistentCongestionThreshold. */
const PERSISTENT_CONGESTION_THRESHOLD = 3;

/** Beyond this the backoff would leave the range of exact instants; idle timeouts end a connection long before. */
const MAX_BACKOFF_EXPONENT = 24;

/** What became of packets by one ACK frame. */
export interface AckOutcome {
  /** Newly acknowledged, ascending. */
  readonly acked: readonly SentPacket[];
  readonly lost: readonly SentPacket[];
  readonly newlyAcked: boolean;
}

/** What a deadline brought: lost packets, or probes to be sent (RFC 9002 §6.2.4), which ignore the congestion window. */
export interface TimeoutOutcome {
  readonly lost: readonly SentPacket[];
  readonly probes?: { readonly level: Level; readonly count: 1 | 2 };
}

export type RecoveryTraceEvent =
  | { readonly type: "packets-lost"; readonly level: Level; readonly count: number }
  | { readonly type: "spurious-loss"; readonly level: Level; readonly packetNumber: number }
  | { readonly type: "persistent-congestion" }
  | { readonly type: "probe-timeout"; readonly level: Level; readonly ptoCount: number };

export interface LossRecoveryOptions {
  readonly role: "client" | "server";
  /** Chooses packet numbers to skip; none are skipped without it. */
  readonly rng?: Rng;
  readonly trace?: (event: RecoveryTraceEvent, now: Instant) => void;
}

export class LossRecovery {
  readonly #path: Path;
  readonly #trace: LossRecoveryOptions["trace"];
  readonly #spaces: readonly [PacketNumberSpace, PacketNumberSpace, PacketNumberSpace];

  /** The peer's max_ack_delay; the default before its parameters are known (RFC 9000 §18.2). */
  maxAckDelay: Micros = micros(25_000);
  /** Whether the peer is known to have validated our address (RFC 9002 Appendix A.8). */
  peerCompletedAddressValidation: boolean;
  handshakeConfirmed = false;
  hasHandshakeKeys = false;
  /** How often in a row the probe timeout has expired. */
  ptoCount = 0;
  /** How many packets declared lost arrived after all. */
  spuriousLosses = 0;

  #packetThreshold = PACKET_THRESHOLD;
  #firstRttSample: Instant | undefined;
  /** When something last happened that sets the timer anew; undefined before anything was sent. */
  #timerSetAt: Instant | undefined;
  /** Counts the controller's reductions. */
  #episode = 0;
  /** Packets of the present episode lost and not (yet) arrived after all. */
  #lostInEpisode = 0;

  /** What the call now being handled has found. */
  #acked: SentPacket[] = [];
  #lost: SentPacket[] = [];

  constructor(path: Path, options: LossRecoveryOptions) {
    this.#path = path;
    this.#trace = options.trace;
    // RFC 9002 Appendix A.8: a server assumes it, because a client has nothing to validate.
    this.peerCompletedAddressValidation = options.role === "server";
    this.#spaces = [
      new PacketNumberSpace(Level.initial),
      new PacketNumberSpace(Level.handshake),
      new PacketNumberSpace(Level.application, options.rng && new SkippedNumbers(options.rng)),
    ];
  }

  /** The number for the next packet of a space. It stays the same until `onPacketSent` is told of that packet. */
  nextPacketNumber(level: Level): number {
    return this.#spaces[level].nextPacketNumber;
  }

  /** The largest packet number that the peer acknowledged; -1 when none. */
  largestAcked(level: Level): number {
    return this.#spaces[level].largestAcked;
  }

  /** Is anything ack-eliciting in flight? */
  hasInFlight(level: Level): boolean {
    return this.#spaces[level].ackElicitingInFlight > 0;
  }

  /** What a probe should repeat when there is nothing new to send (RFC 9002 §6.2.4). */
  oldestInFlight(level: Level): SentPacket | undefined {
    const { sent } = this.#spaces[level];
    for (let number = sent.base; number < sent.end; number += 1) {
      const packet = sent.get(number);
      if (packet?.ackEliciting) return packet;
    }
    return undefined;
  }

  onPacketSent(level: Level, packet: SentPacket, now: Instant): void {
    const { controller, ecn, maxDatagramSize } = this.#path;
    this.#spaces[level].onPacketSent(packet, Math.ceil(controller.congestionWindow / maxDatagramSize));
    if (packet.inFlight) controller.onPacketSent(packet.size, now);
    if (packet.ackEliciting) this.#timerSetAt = now;
    ecn.onPacketSent(level, packet.packetNumber);
  }

  /**
   * An ACK frame of a packet of `level`. `ackDelay` is the frame's delay decoded with the peer's exponent. Throws a
   * `ProtocolError`, and changes nothing, when the frame acknowledges what was never sent.
   */
  onAckReceived(level: Level, ack: AckFrame, ackDelay: Micros, now: Instant): AckOutcome {
    const space = this.#spaces[level];
    space.check(ack);
    const acked: SentPacket[] = [];
    this.#acked = acked;
    this.#lost = [];
    const raisesLargest = ack.largest > space.largestAcked;
    this.#handleLateArrivals(space, ack, now);
    space.takeAcked(ack, acked);
    if (acked.length === 0) return { acked, lost: this.#lost, newlyAcked: false };

    this.#sampleRtt(level, ack, ackDelay, now);
    this.#handleMarks(space, ack, raisesLargest, now);
    this.#detectLost(space, now);
    this.#reportAcked(level, now);

    // RFC 9001 §4.1.2, RFC 9002 Appendix A.8: an acknowledged Handshake packet shows that the server knows our address.
    if (level === Level.handshake) this.peerCompletedAddressValidation = true;
    // RFC 9002 §6.2.1: a client that does not know whether the server has validated its address keeps backing off.
    if (this.peerCompletedAddressValidation) this.ptoCount = 0;
    this.#timerSetAt = now;
    return { acked, lost: this.#lost, newlyAcked: true };
  }

  /** RFC 9002 §5.1: a sample if the largest acknowledged is new, and something ack-eliciting is. */
  #sampleRtt(level: Level, ack: AckFrame, ackDelay: Micros, now: Instant): void {
    const largest = this.#acked.at(-1)!;
    if (largest.packetNumber !== ack.largest || !this.#acked.some((packet) => packet.ackEliciting)) return;
    // RFC 9002 §5.3: a peer does not delay its acknowledgement of Initial packets on purpose.
    const delay = level === Level.initial ? micros(0) : ackDelay;
    this.#path.rtt.update((now - largest.timeSent) as Micros, delay, this.handshakeConfirmed, this.maxAckDelay);
    this.#firstRttSample ??= now;
  }

  /** RFC 9002 §7.1, RFC 9000 §13.4.2. */
  #handleMarks(space: PacketNumberSpace, ack: AckFrame, raisesLargest: boolean, now: Instant): void {
    const { ecn, controller } = this.#path;
    if (!ecn.isActive) return;
    let marked = 0;
    for (const packet of this.#acked) if (ecn.takeMark(space.level, packet.packetNumber)) marked += 1;
    // Counts of an ACK frame that was overtaken are older than those known.
    if (!raisesLargest || !ecn.onAck(space.level, ack.ecn, marked)) return;
    controller.onCongestionExperienced(this.#acked.at(-1)!.timeSent, now);
    // Such a reduction is never undone.
    this.#episode += 1;
    this.#lostInEpisode = 0;
  }

  #reportAcked(level: Level, now: Instant): void {
    const { controller, mtu, pacer, rtt } = this.#path;
    controller.onPacketsAcked(this.#acked, rtt, now);
    for (const packet of this.#acked) {
      if (!this.#isMtuProbe(level, packet)) {
        mtu.onPacketAcked(packet.size);
        continue;
      }
      mtu.onProbeAcked();
      this.#path.applyMaxDatagramSize();
    }
    pacer.slowStart = controller.congestionWindow < controller.ssthresh;
  }

  /** Packets that probe for a larger datagram are sent in the Application space only. */
  #isMtuProbe(level: Level, packet: SentPacket): boolean {
    return level === Level.application && this.#path.mtu.isProbe(packet.packetNumber);
  }

  /** RFC 9002 §6.1.2: how long after it was sent a packet older than the largest acknowledged is lost. */
  #lossDelay(): Micros {
    const { latest, smoothed } = this.#path.rtt;
    return micros(Math.max(TIME_THRESHOLD * Math.max(latest, smoothed), GRANULARITY));
  }

  #detectLost(space: PacketNumberSpace, now: Instant): void {
    const lossDelay = this.#lossDelay();
    const lost = this.#lost;
    space.takeLost(this.#packetThreshold, (now - lossDelay) as Instant, lossDelay, lost);
    space.lost.forgetBefore((now - 3 * this.#path.rtt.ptoBase()) as Instant);
    if (lost.length > 0) this.#reportLost(space, now);
  }

  #reportLost(space: PacketNumberSpace, now: Instant): void {
    const { mtu, controller, rtt, pacer, ecn } = this.#path;
    const congestionLost: SentPacket[] = [];
    const notBefore = this.#persistentCongestionNotBefore(space);
    // RFC 9002 §7.6.1: with max_ack_delay whatever the space.
    const duration = micros((rtt.ptoBase() + this.maxAckDelay) * PERSISTENT_CONGESTION_THRESHOLD);
    let persistent = false;
    let largestSize = 0;
    for (const packet of this.#lost) {
      if (ecn.isActive && ecn.takeMark(space.level, packet.packetNumber)) ecn.onMarkedLost();
      if (this.#isMtuProbe(space.level, packet)) {
        // RFC 9000 §14.4: a lost probe is not a sign of congestion.
        mtu.onProbeLost();
        controller.onPacketsDiscarded(packet.size);
        continue;
      }
      if (space.lostRun.add(packet, space.skipped, notBefore, duration)) persistent = true;
      if (!packet.inFlight) continue;
      congestionLost.push(packet);
      largestSize = Math.max(largestSize, packet.size);
    }
    this.#trace?.({ type: "packets-lost", level: space.level, count: this.#lost.length }, now);
    if (congestionLost.length === 0) return;
    this.#reduceWindow(space, congestionLost, persistent, now);
    pacer.slowStart = controller.congestionWindow < controller.ssthresh;
    if (mtu.onPacketsLost(largestSize)) this.#path.applyMaxDatagramSize();
  }

  #reduceWindow(space: PacketNumberSpace, lost: readonly SentPacket[], persistent: boolean, now: Instant): void {
    const { controller, rtt } = this.#path;
    const ssthresh = controller.ssthresh;
    controller.onPacketsLost(lost, lost.at(-1)!.timeSent, persistent, now);
    if (controller.ssthresh !== ssthresh) {
      this.#episode += 1;
      this.#lostInEpisode = 0;
    }
    this.#lostInEpisode += lost.length;
    for (const packet of lost) space.lost.remember(packet.packetNumber, this.#episode, now);
    if (!persistent) return;
    // RFC 9002 §5.2: the path may have become another one.
    rtt.resetMin();
    space.lostRun.reset();
    this.#episode += 1;
    this.#lostInEpisode = 0;
    this.#trace?.({ type: "persistent-congestion" }, now);
  }

  /**
   * Where a run of lost packets may begin (RFC 9002 §7.6.2): after the first RTT sample, and after the latest packet of
   * another space that was acknowledged. The latter may leave out a run that would count, never the other way.
   */
  #persistentCongestionNotBefore(space: PacketNumberSpace): Instant | undefined {
    let notBefore = this.#firstRttSample;
    if (notBefore === undefined) return undefined;
    for (const other of this.#spaces) {
      if (other === space || other.latestAckedTimeSent === undefined) continue;
      if (other.latestAckedTimeSent > notBefore) notBefore = other.latestAckedTimeSent;
    }
    return notBefore;
  }

  /** Packets declared lost that are acknowledged now. */
  #handleLateArrivals(space: PacketNumberSpace, ack: AckFrame, now: Instant): void {
    if (space.lost.isEmpty) return;
    const late: LostPacket[] = [];
    space.lost.takeAcked(ack.ranges, late);
    for (const { packetNumber, episode } of late) {
      this.spuriousLosses += 1;
      // RFC 9002 §6.1.1: the threshold may adapt to the reordering of the path.
      const distance = Math.max(space.largestAcked, ack.largest) - packetNumber;
      this.#packetThreshold = Math.max(this.#packetThreshold, Math.min(distance + 1, MAX_PACKET_THRESHOLD));
      this.#trace?.({ type: "spurious-loss", level: space.level, packetNumber }, now);
      if (episode !== this.#episode) continue;
      this.#lostInEpisode -= 1;
      if (this.#lostInEpisode === 0) this.#path.controller.onSpuriousCongestion(now);
    }
  }

  /** The next deadline: when to call `onTimeout`. It changes with every other call. */
  nextTimeout(): Instant | undefined {
    return this.#earliestLossTime()?.lossTime ?? this.#probeTimeout()?.at;
  }

  #earliestLossTime(): PacketNumberSpace | undefined {
    let earliest: PacketNumberSpace | undefined;
    for (const space of this.#spaces) {
      if (space.lossTime === undefined) continue;
      if (earliest?.lossTime === undefined || space.lossTime < earliest.lossTime) earliest = space;
    }
    return earliest;
  }

  /** RFC 9002 Appendix A.8, GetPtoTimeAndSpace: when to probe, where, and with how much. */
  #probeTimeout(): { readonly at: Instant; readonly level: Level; readonly count: 1 | 2 } | undefined {
    // RFC 9002 §6.2.2.1: at the limit a probe could not be sent.
    if (this.#path.isAmplificationLimited) return undefined;
    const backoff = 2 ** Math.min(this.ptoCount, MAX_BACKOFF_EXPONENT);
    const duration = micros(this.#path.rtt.ptoBase() * backoff);
    const [initial, handshake, application] = this.#spaces;
    if (initial.ackElicitingInFlight + handshake.ackElicitingInFlight + application.ackElicitingInFlight === 0) {
      if (this.peerCompletedAddressValidation || this.#timerSetAt === undefined) return undefined;
      // RFC 9002 §6.2.2.1: a client gives a server at its limit something to answer.
      const level = this.hasHandshakeKeys ? Level.handshake : Level.initial;
      return { at: after(this.#timerSetAt, duration), level, count: 1 };
    }
    let earliest: { at: Instant; level: Level; count: 1 | 2 } | undefined;
    for (const space of this.#spaces) {
      if (space.ackElicitingInFlight === 0 || space.timeOfLastAckEliciting === undefined) continue;
      const isApplication = space.level === Level.application;
      // RFC 9002 §6.2.1: not for application data before the handshake is confirmed.
      if (isApplication && !this.handshakeConfirmed) continue;
      const extra = isApplication ? this.maxAckDelay * backoff : 0;
      const at = after(space.timeOfLastAckEliciting, micros(duration + extra));
      if (earliest === undefined || at < earliest.at) earliest = { at, level: space.level, count: 2 };
    }
    return earliest;
  }

  /** The deadline has come. Nothing happens when it has not. */
  onTimeout(now: Instant): TimeoutOutcome {
    this.#lost = [];
    if (this.#earliestLossTime() !== undefined) {
      this.#detectOverdue(now);
      return { lost: this.#lost };
    }
    const timeout = this.#probeTimeout();
    if (timeout === undefined || timeout.at > now) return { lost: this.#lost };
    // RFC 9002 §6.2.1: a timeout declares nothing lost, it asks; each one doubles the wait for the next.
    this.ptoCount += 1;
    this.#timerSetAt = now;
    if (this.#path.mtu.onPto(this.ptoCount)) this.#path.applyMaxDatagramSize();
    const { level, count } = timeout;
    this.#trace?.({ type: "probe-timeout", level, ptoCount: this.ptoCount }, now);
    return { lost: this.#lost, probes: { level, count } };
  }

  /**
   * A longer RTT measured in one space may have put off the loss time of another (RFC 9002 §6.1.2). All loss times that
   * have come are therefore looked at, or the earliest could find nothing lost while a later one has come as well.
   */
  #detectOverdue(now: Instant): void {
    const lost: SentPacket[] = [];
    for (const space of this.#spaces) {
      if (space.lossTime === undefined || space.lossTime > now) continue;
      this.#lost = [];
      this.#detectLost(space, now);
      for (const packet of this.#lost) lost.push(packet);
    }
    this.#lost = lost;
  }

  /** The keys of a space were dropped (RFC 9002 §6.4): what was in flight there leaves without being lost. */
  discardSpace(level: Level): void {
    this.#discard(this.#spaces[level]);
    this.#path.ecn.discardSpace(level);
  }

  /**
   * A Retry was received (RFC 9002 §6.3): recovery starts again, packet numbers go on. Returns what was in flight, whose
   * content has to be sent again.
   */
  onRetry(): readonly SentPacket[] {
    return this.#discard(this.#spaces[Level.initial]);
  }

  #discard(space: PacketNumberSpace): readonly SentPacket[] {
    const drained = space.drain();
    let bytes = 0;
    for (const packet of drained) if (packet.inFlight) bytes += packet.size;
    this.#path.controller.onPacketsDiscarded(bytes);
    this.ptoCount = 0;
    return drained;
  }
}
