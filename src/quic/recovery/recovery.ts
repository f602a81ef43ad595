/**
 * Loss recovery of one path (RFC 9002 §6, Appendix A): acknowledgements, losses and probe timeouts. The connection
 * reports packets sent and ACK frames received, and gets the next deadline. Each packet's outcome goes to the RTT
 * estimator and congestion controller of the route that carried it. Recovery never builds a packet and never
 * retransmits: the owners of a lost packet's contents do.
 *
 * The first path of a connection also covers the Initial and Handshake spaces, because they share its probe timeout.
 */

import { Ecn } from "../../base/datagrams.ts";
import { after, type Instant, type Micros, micros } from "../../base/time.ts";
import type { Trace } from "../../base/trace.ts";
import type { AckFrame } from "../frame/frames.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import type { Route, Routes } from "../route/index.ts";
import type { RecoveryEvent } from "../trace.ts";
import type { LostPacket } from "./lost-packets.ts";
import { type LossTimer, RecoveryTrace } from "./recovery-trace.ts";
import type { SendSpace } from "./send-space.ts";
import { SendSpaces } from "./send-spaces.ts";
import { byRoute, type SentPacket } from "./sent-packet.ts";

/** RFC 9002 §7.6.1, kPersistentCongestionThreshold. */
const PERSISTENT_CONGESTION_THRESHOLD = 3;

/** A larger backoff would exceed the range of exact instants; the idle timeout ends a connection long before. */
const MAX_BACKOFF_EXPONENT = 24;

const NONE: readonly LostPacket[] = [];
const NO_PACKETS: readonly SentPacket[] = [];

/** The effects of one ACK frame. */
export interface AckOutcome {
  /** Newly acknowledged, ascending. */
  readonly acked: readonly SentPacket[];
  /** Acknowledged after they were declared lost. */
  readonly late: readonly LostPacket[];
  readonly lost: readonly SentPacket[];
  readonly newlyAcked: boolean;
}

/** The effects of a deadline: lost packets, or a space to probe (RFC 9002 §6.2.4). Probes ignore the congestion window. */
export interface TimeoutOutcome {
  readonly lost: readonly SentPacket[];
  readonly probe?: PacketNumberSpace;
}

/** What recovery needs to know about the handshake. */
export interface HandshakeProgress {
  /** RFC 9001 §4.1.2. */
  readonly isConfirmed: boolean;
  readonly hasHandshakeKeys: boolean;
}

export interface LossRecoveryOptions {
  readonly role: "client" | "server";
  readonly routes: Routes;
  readonly handshake: HandshakeProgress;
  /** By `PacketNumberSpace`; paths other than the first only have the Application space. */
  readonly spaces: readonly (SendSpace | undefined)[];
  /** Identifies the path in trace events; 0 by default. */
  readonly pathId?: number;
  readonly trace?: Trace<RecoveryEvent> | undefined;
}

export class LossRecovery {
  readonly #routes: Routes;
  readonly #handshake: HandshakeProgress;
  readonly #trace: RecoveryTrace | undefined;
  readonly #spaces: SendSpaces;
  readonly #role: "client" | "server";

  /** The peer's max_ack_delay; the default until its parameters are known (RFC 9000 §18.2). */
  maxAckDelay: Micros = micros(25_000);
  /** The number of consecutive probe timeouts. */
  ptoCount = 0;
  /** The number of packets declared lost that arrived after all. */
  spuriousLosses = 0;

  #isHandshakeAcked = false;
  /** The last event that restarts the timer; undefined before anything was sent. */
  #timerSetAt: Instant | undefined;

  /** What the current call has found. */
  #acked: readonly SentPacket[] = NO_PACKETS;
  #lost: SentPacket[] = [];

  constructor(options: LossRecoveryOptions) {
    this.#role = options.role;
    this.#routes = options.routes;
    this.#handshake = options.handshake;
    this.#spaces = new SendSpaces(options.spaces);
    this.#trace = options.trace && new RecoveryTrace(options.trace, options.pathId ?? 0);
  }

  /** The number for the next packet of a space. It stays the same until `onPacketSent`. */
  nextPacketNumber(kind: PacketNumberSpace): number {
    return this.#spaces.get(kind).nextPacketNumber;
  }

  /** The largest packet number that the peer acknowledged; -1 if there is none. */
  largestAcked(kind: PacketNumberSpace): number {
    return this.#spaces.get(kind).largestAcked;
  }

  /** True if anything ack-eliciting is in flight. */
  hasInFlight(kind: PacketNumberSpace): boolean {
    return (this.#spaces.find(kind)?.ackElicitingInFlight ?? 0) > 0;
  }

  /** The ack-eliciting packets in flight, oldest first. */
  *inFlight(kind: PacketNumberSpace): IterableIterator<SentPacket> {
    const { sent } = this.#spaces.get(kind);
    for (let number = sent.base; number < sent.end; number += 1) {
      const packet = sent.get(number);
      if (packet?.ackEliciting) yield packet;
    }
  }

  /** RFC 9002 §6.2.1: the probe timeout of application data, without backoff. */
  get probeTimeout(): Micros {
    return (this.#routes.active.rtt.ptoBase() + this.maxAckDelay) as Micros;
  }

  /**
   * True if the peer is known to have validated our address (RFC 9002 Appendix A.8). Clients need not validate a
   * server's.
   */
  get peerCompletedAddressValidation(): boolean {
    return this.#role === "server" || this.#isHandshakeAcked || this.#handshake.isConfirmed;
  }

  /** The path sends on another route, where the probe timeouts of the former one say nothing. */
  onRouteChanged(now: Instant): void {
    this.ptoCount = 0;
    this.#timerSetAt = now;
  }

  onPacketSent(kind: PacketNumberSpace, packet: SentPacket, now: Instant): void {
    const { controller, ecn, maxDatagramSize } = packet.route;
    this.#spaces.get(kind).onPacketSent(packet, Math.ceil(controller.congestionWindow / maxDatagramSize));
    if (packet.inFlight) packet.delivery = controller.onPacketSent(packet.size, now);
    if (packet.ackEliciting) this.#timerSetAt = now;
    if (packet.ecn !== Ecn.notEct) ecn.onMarkedSent();
  }

  /**
   * Handles an ACK frame for packets of a space. `ackDelay` is the frame's delay, decoded with the peer's exponent.
   * Throws a `ProtocolError` without any effect if the frame acknowledges packets that were never sent.
   */
  onAckReceived(kind: PacketNumberSpace, ack: AckFrame, ackDelay: Micros, now: Instant): AckOutcome {
    const space = this.#spaces.find(kind);
    // A CRYPTO frame before it in its packet may have completed the handshake, which discards the space.
    if (space === undefined) return { acked: NO_PACKETS, late: [], lost: NO_PACKETS, newlyAcked: false };
    space.check(ack);
    const acked: SentPacket[] = [];
    this.#acked = acked;
    this.#lost = [];
    const raisesLargest = ack.largest > space.largestAcked;
    const late = this.#handleLateArrivals(space, ack, now);
    space.takeAcked(ack, acked);
    if (acked.length === 0) return { acked, late, lost: this.#lost, newlyAcked: false };
    this.#trace?.acked(kind, acked, now);

    this.#sampleRtt(kind, ack, ackDelay, now);
    this.#handleMarks(space, ack, raisesLargest, now);
    this.#detectLost(space, now);
    this.#reportAcked(kind, now);

    // RFC 9001 §4.1.2, RFC 9002 Appendix A.8: an acknowledged Handshake packet shows that the server has validated our
    // address.
    if (kind === PacketNumberSpace.handshake) this.#isHandshakeAcked = true;
    // RFC 9002 §6.2.1: a client keeps backing off until it knows that the server has validated its address.
    if (this.peerCompletedAddressValidation) this.ptoCount = 0;
    this.#timerSetAt = now;
    this.#trace?.metrics(this.#routes.active, this.ptoCount, now);
    this.#acked = NO_PACKETS;
    return { acked, late, lost: this.#lost, newlyAcked: true };
  }

  /**
   * RFC 9002 §5.1: takes a sample if the largest acknowledged is newly acknowledged, along with something
   * ack-eliciting.
   */
  #sampleRtt(kind: PacketNumberSpace, ack: AckFrame, ackDelay: Micros, now: Instant): void {
    const largest = this.#acked.at(-1)!;
    if (largest.packetNumber !== ack.largest || !this.#acked.some((packet) => packet.ackEliciting)) return;
    // RFC 9000 §9.4: the ACK returned on the new route, so it measures neither the old route nor the new one.
    const { route } = largest;
    if (route !== this.#routes.active) return;
    // RFC 9002 §5.3: a peer does not intentionally delay its acknowledgement of Initial packets.
    const delay = kind === PacketNumberSpace.initial ? micros(0) : ackDelay;
    route.rtt.update((now - largest.timeSent) as Micros, delay, this.#handshake.isConfirmed, this.maxAckDelay);
    route.losses.firstRttSample ??= now;
  }

  /** RFC 9002 §7.1, RFC 9000 §13.4.2. */
  #handleMarks(space: SendSpace, ack: AckFrame, raisesLargest: boolean, now: Instant): void {
    // The counts of a reordered ACK frame are older than those already known.
    if (!space.ecn.isUsed || !raisesLargest) return;
    let marked = 0;
    for (const packet of this.#acked) if (packet.ecn !== Ecn.notEct) marked += 1;
    const verdict = space.ecn.onAck(ack.ecn, marked);
    const { route, timeSent } = this.#acked.at(-1)!;
    for (const packet of this.#acked) {
      if (packet.ecn === Ecn.notEct) continue;
      if (verdict === "invalid") packet.route.ecn.fail();
      else packet.route.ecn.onValidated();
    }
    if (verdict === "invalid") {
      route.ecn.fail();
      return;
    }
    if (verdict !== "congestion" || route.ecn.state === "failed") return;
    route.controller.onCongestionExperienced(timeSent, now);
    // An ECN reduction is never undone.
    route.losses.beginEpisode();
  }

  #reportAcked(kind: PacketNumberSpace, now: Instant): void {
    for (const packets of byRoute(this.#acked)) {
      const { route } = packets[0]!;
      route.controller.onPacketsAcked(packets, route.rtt, now);
      for (const packet of packets) {
        if (!isMtuProbe(kind, packet)) {
          route.mtu.onPacketAcked(packet.size);
          continue;
        }
        route.mtu.onProbeAcked();
        this.#applyDatagramSize(route, now);
      }
    }
  }

  /**
   * The largest loss delay of any route with bytes in flight: a packet of an old route may be declared lost late, but
   * never early.
   */
  #lossDelay(): Micros {
    let delay = this.#routes.active.rtt.lossDelay();
    for (const { controller, rtt } of this.#routes.all) {
      if (controller.bytesInFlight > 0) delay = micros(Math.max(delay, rtt.lossDelay()));
    }
    return delay;
  }

  #detectLost(space: SendSpace, now: Instant): void {
    const { rtt, losses } = this.#routes.active;
    const lossDelay = this.#lossDelay();
    const lost = this.#lost;
    space.takeLost(losses.packetThreshold, (now - lossDelay) as Instant, lossDelay, lost);
    space.lost.dropBefore((now - 3 * rtt.ptoBase()) as Instant);
    if (lost.length === 0) return;
    if (this.#trace !== undefined) this.#traceLost(this.#trace, space, losses.packetThreshold, now);
    for (const packets of byRoute(lost)) this.#reportLost(space, packets, now);
  }

  #traceLost(trace: RecoveryTrace, space: SendSpace, threshold: number, now: Instant): void {
    for (const packet of this.#lost) {
      const isReordered = space.largestAcked - packet.packetNumber >= threshold;
      trace.lost(space.kind, packet.packetNumber, isReordered, isMtuProbe(space.kind, packet), now);
    }
  }

  /** `lost` has packets of one route only. */
  #reportLost(space: SendSpace, lost: readonly SentPacket[], now: Instant): void {
    const { route } = lost[0]!;
    const { mtu, controller, rtt, ecn } = route;
    const { active } = this.#routes;
    // RFC 9000 §9.4: what was sent on a former route says nothing about the active one, even if they share a controller.
    if (route !== active && controller === active.controller) {
      this.#forgive(space, lost, now);
      return;
    }
    const congestionLost: SentPacket[] = [];
    const notBefore = this.#persistentCongestionNotBefore(space, route);
    // RFC 9002 §7.6.1: includes max_ack_delay in every space.
    const duration = micros((rtt.ptoBase() + this.maxAckDelay) * PERSISTENT_CONGESTION_THRESHOLD);
    let persistent = false;
    let largestSize = 0;
    for (const packet of lost) {
      if (packet.ecn !== Ecn.notEct) ecn.onMarkedLost();
      if (isMtuProbe(space.kind, packet)) {
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
    if (congestionLost.length === 0) return;
    this.#reduceWindow(space, congestionLost, persistent, now);
    if (mtu.onPacketsLost(largestSize)) this.#applyDatagramSize(route, now);
  }

  #applyDatagramSize(route: Route, now: Instant): void {
    route.applyMaxDatagramSize();
    this.#trace?.datagramSize(route.maxDatagramSize, now);
  }

  #forgive(space: SendSpace, lost: readonly SentPacket[], now: Instant): void {
    const { mtu, controller } = lost[0]!.route;
    for (const packet of lost) {
      if (isMtuProbe(space.kind, packet)) mtu.onProbeLost();
      else space.lost.remember(packet, now);
      if (packet.inFlight) controller.onPacketsDiscarded(packet.size);
    }
  }

  #reduceWindow(space: SendSpace, lost: readonly SentPacket[], persistent: boolean, now: Instant): void {
    const { route } = lost[0]!;
    const { controller, rtt, losses } = route;
    if (controller.onPacketsLost(lost, lost.at(-1)!.timeSent, persistent, now)) losses.beginEpisode();
    for (const packet of lost) space.lost.remember(packet, now);
    if (!persistent) return;
    // RFC 9002 §5.2: the network path may have changed.
    rtt.resetMin();
    space.lostRun.reset();
    losses.beginEpisode();
    this.#trace?.persistentCongestion(now);
  }

  /**
   * Where a run of lost packets may begin (RFC 9002 §7.6.2): after the first RTT sample, and after the latest
   * acknowledged packet of another space. The latter may miss a run that would count, but never adds one.
   */
  #persistentCongestionNotBefore(space: SendSpace, route: Route): Instant | undefined {
    const { firstRttSample } = route.losses;
    const latestAcked = this.#spaces.latestAckedBeside(space);
    if (firstRttSample === undefined || latestAcked === undefined) return firstRttSample;
    return Math.max(latestAcked, firstRttSample) as Instant;
  }

  /** Removes and returns packets declared lost that are now acknowledged. */
  #handleLateArrivals(space: SendSpace, ack: AckFrame, now: Instant): readonly LostPacket[] {
    if (space.lost.isEmpty) return NONE;
    const late: LostPacket[] = [];
    space.lost.takeAcked(ack.ranges, late);
    for (const { packetNumber, route, episode } of late) {
      this.spuriousLosses += 1;
      // RFC 9002 §6.1.1: the threshold may adapt to reordering on the path.
      route.losses.onReordered(Math.max(space.largestAcked, ack.largest) - packetNumber);
      this.#trace?.spuriouslyLost(space.kind, packetNumber, now);
      if (route.losses.onLateArrival(episode)) route.controller.onSpuriousCongestion(now);
    }
    return late;
  }

  /** The next time to call `onTimeout`. Changes with every other call. */
  nextTimeout(): Instant | undefined {
    return this.#earliestLoss()?.lossTime ?? this.#nextProbe()?.at;
  }

  /** Traces the timer if it has changed. Ended connections have none. */
  traceTimer(isRunning: boolean, now: Instant): void {
    this.#trace?.timer(isRunning ? this.#timer() : undefined, now);
  }

  #timer(): LossTimer | undefined {
    const overdue = this.#earliestLoss();
    if (overdue !== undefined) return { timer: "ack", space: overdue.kind, at: overdue.lossTime! };
    const probe = this.#nextProbe();
    return probe && { timer: "pto", space: probe.space, at: probe.at };
  }

  #earliestLoss(): SendSpace | undefined {
    let first: SendSpace | undefined;
    for (const space of this.#spaces.all) {
      if (space?.lossTime === undefined) continue;
      if (first === undefined || space.lossTime < first.lossTime!) first = space;
    }
    return first;
  }

  /** RFC 9002 Appendix A.8, GetPtoTimeAndSpace: when to probe, and in which space. */
  #nextProbe(): { readonly at: Instant; readonly space: PacketNumberSpace } | undefined {
    const route = this.#routes.active;
    // RFC 9002 §6.2.2.1: at the amplification limit, a probe could not be sent.
    if (route.isAmplificationLimited) return undefined;
    const backoff = 2 ** Math.min(this.ptoCount, MAX_BACKOFF_EXPONENT);
    const duration = micros(route.rtt.ptoBase() * backoff);
    // RFC 9002 §6.2.1: not for application data before the handshake is confirmed. 0-RTT packets alone, which the server may
    // have dropped, must not keep a client from probing either.
    const isArmed = ({ kind }: SendSpace) => kind !== PacketNumberSpace.application || this.#handshake.isConfirmed;
    let inFlight = 0;
    for (const space of this.#spaces.all)
      if (space !== undefined && isArmed(space)) inFlight += space.ackElicitingInFlight;
    if (inFlight === 0) {
      if (this.peerCompletedAddressValidation || this.#timerSetAt === undefined) return undefined;
      // RFC 9002 §6.2.2.1: a client probes so that a server at its amplification limit may send again.
      const space = this.#handshake.hasHandshakeKeys ? PacketNumberSpace.handshake : PacketNumberSpace.initial;
      return { at: after(this.#timerSetAt, duration), space };
    }
    let earliest: { at: Instant; space: PacketNumberSpace } | undefined;
    for (const space of this.#spaces.all) {
      if (space === undefined || space.ackElicitingInFlight === 0 || space.timeOfLastAckEliciting === undefined)
        continue;
      if (!isArmed(space)) continue;
      const isApplication = space.kind === PacketNumberSpace.application;
      const extra = isApplication ? this.maxAckDelay * backoff : 0;
      const at = after(space.timeOfLastAckEliciting, micros(duration + extra));
      if (earliest === undefined || at < earliest.at) earliest = { at, space: space.kind };
    }
    return earliest;
  }

  /** Handles an expired deadline. Does nothing if it has not expired. */
  onTimeout(now: Instant): TimeoutOutcome {
    this.#lost = [];
    const overdue = this.#earliestLoss();
    if (overdue !== undefined) {
      if (overdue.lossTime! <= now && this.#trace !== undefined) this.#trace.timerExpired(this.#timer()!, now);
      this.#detectOverdue(now);
      if (this.#lost.length > 0) this.#trace?.metrics(this.#routes.active, this.ptoCount, now);
      return { lost: this.#lost };
    }
    const timeout = this.#nextProbe();
    if (timeout === undefined || timeout.at > now) return { lost: this.#lost };
    this.#trace?.timerExpired({ timer: "pto", space: timeout.space, at: timeout.at }, now);
    // RFC 9002 §6.2.1: a timeout does not declare packets lost, it only probes. Each one doubles the wait for the next.
    this.ptoCount += 1;
    this.#timerSetAt = now;
    const route = this.#routes.active;
    if (route.mtu.onPto(this.ptoCount)) this.#applyDatagramSize(route, now);
    const { space } = timeout;
    this.#trace?.probeTimeout(space, this.ptoCount, now);
    return { lost: this.#lost, probe: space };
  }

  /**
   * Checks all loss times that have come. A longer RTT measured in one space may have postponed the loss time of
   * another (RFC 9002 §6.1.2), so the earliest might find nothing lost although a later one has come too.
   */
  #detectOverdue(now: Instant): void {
    const lost: SentPacket[] = [];
    for (const space of this.#spaces.all) {
      if (space?.lossTime === undefined || space.lossTime > now) continue;
      this.#lost = [];
      this.#detectLost(space, now);
      for (const packet of this.#lost) lost.push(packet);
    }
    this.#lost = lost;
  }

  /** The keys of a space were discarded (RFC 9002 §6.4): its packets are no longer in flight, but not lost either. */
  discardSpace(kind: PacketNumberSpace): void {
    this.#discard(this.#spaces.get(kind));
    this.#spaces.discard(kind);
  }

  /**
   * A Retry was received (RFC 9002 §6.3): recovery restarts, but packet numbers continue. Returns the Initial and
   * 0-RTT packets in flight, whose contents must be sent again (RFC 9000 §17.2.5.3).
   */
  onRetry(): readonly SentPacket[] {
    return [...this.#discard(this.#spaces.get(PacketNumberSpace.initial)), ...this.discardApplication()];
  }

  /** The peer has dropped all packets of the Application space so far: returns them, without counting them as lost. */
  discardApplication(): readonly SentPacket[] {
    return this.#discard(this.#spaces.get(PacketNumberSpace.application));
  }

  #discard(space: SendSpace): readonly SentPacket[] {
    const drained = space.drain();
    for (const packets of byRoute(drained)) {
      let bytes = 0;
      for (const packet of packets) if (packet.inFlight) bytes += packet.size;
      packets[0]!.route.controller.onPacketsDiscarded(bytes);
    }
    this.ptoCount = 0;
    return drained;
  }
}

/** MTU probes are only sent in the Application space. */
const isMtuProbe = (kind: PacketNumberSpace, packet: SentPacket): boolean =>
  kind === PacketNumberSpace.application && packet.route.mtu.isProbe(packet.packetNumber);
