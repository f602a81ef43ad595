/**
 * Tracks what one packet number space has received, and decides when an ACK is due and what it reports (RFC 9000
 * §13.2). It does not know how frames are written, nor when a packet is going out anyway.
 *
 * `onPacketReceived` is called for each packet and only records it. The caller checks once per batch of datagrams
 * whether to acknowledge, so that a burst is answered with one ACK.
 */

import { Ecn } from "../../base/datagrams.ts";
import { RangeSet } from "../../base/range-set.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import type { EcnCounts } from "../frame/frames.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { AckPolicy } from "./ack-policy.ts";

/**
 * Packets that are not ack-eliciting are only reported in a packet that is going out anyway, once there are enough of
 * them to let the peer drop a useful amount of state. Reporting each one would answer every ACK with an ACK.
 */
const UNREPORTED_THRESHOLD = 8;

/** The maximum number of ranges; the oldest are dropped first (RFC 9000 §13.2.3). */
export const MAX_ACK_RANGES = 64;

/** The number of ranges that are repeated although the peer has them: gaps this recent may still be filled. */
const RETAINED_RANGES = 4;

/** RFC 9000 §18.2: Initial and Handshake packets always use the default exponent. */
const DEFAULT_ACK_DELAY_EXPONENT = 3;

export interface AckTrackerOptions {
  /** Our max_ack_delay. */
  readonly maxAckDelay: Micros;
  /** Our ack_delay_exponent. */
  readonly ackDelayExponent: number;
}

interface MutableEcnCounts extends EcnCounts {
  ect0: number;
  ect1: number;
  ce: number;
}

export class AckTracker {
  readonly space: PacketNumberSpace;
  readonly #received = new RangeSet();
  readonly policy: AckPolicy;
  readonly #ackDelayExponent: number;
  /** Packets below this were dropped from the ranges and count as duplicates. */
  #droppedBelow = 0;
  #largest = -1;
  #largestAckEliciting = -1;
  #largestReceivedAt = 0 as Instant;
  /** Ack-eliciting packets since the last ACK. */
  #ackElicitingPending = 0;
  /** When the first of them arrived. */
  #pendingSince: Instant | undefined;
  #immediate = false;
  /** Packets of any kind since the last ACK. */
  #unreported = 0;
  #ecnCounts: MutableEcnCounts | undefined;
  /** The mark of the last ack-eliciting packet. */
  #lastEcn: Ecn = Ecn.notEct;
  /** The largest packet number that an ACK has reported; -1 if there is none. */
  #reported = -1;

  constructor(space: PacketNumberSpace, options: AckTrackerOptions) {
    this.space = space;
    this.policy = new AckPolicy(options.maxAckDelay);
    this.#ackDelayExponent =
      space === PacketNumberSpace.application ? options.ackDelayExponent : DEFAULT_ACK_DELAY_EXPONENT;
  }

  /** True if the packet was received before, or is too old to tell. It must then be dropped (RFC 9000 §12.3). */
  isDuplicate(packetNumber: number): boolean {
    return packetNumber <= this.#largest && (packetNumber < this.#droppedBelow || this.#received.has(packetNumber));
  }

  /** Records a packet that is not a duplicate, after it was decrypted and its frames were handled. */
  onPacketReceived(packetNumber: number, ackEliciting: boolean, ecn: Ecn, now: Instant): void {
    if (this.isDuplicate(packetNumber)) return;
    this.#received.add(packetNumber, packetNumber + 1);
    if (this.#received.size > MAX_ACK_RANGES) this.#dropOldest();
    this.#unreported += 1;
    if (packetNumber > this.#largest) {
      this.#largest = packetNumber;
      this.#largestReceivedAt = now;
    }
    if (ecn !== Ecn.notEct) this.#countEcn(ecn);
    if (ackEliciting) this.#onAckEliciting(packetNumber, ecn, now);
  }

  #onAckEliciting(packetNumber: number, ecn: Ecn, now: Instant): void {
    this.#ackElicitingPending += 1;
    this.#pendingSince ??= now;
    // RFC 9000 §13.2.1: immediately for Initial and Handshake packets, out-of-order packets and packets marked CE.
    if (this.space !== PacketNumberSpace.application || this.#isMarkDue(ecn) || this.#isOrderDue(packetNumber)) {
      this.#immediate = true;
    }
    if (packetNumber > this.#largestAckEliciting) this.#largestAckEliciting = packetNumber;
  }

  #isMarkDue(ecn: Ecn): boolean {
    const isFirst = this.#lastEcn !== Ecn.ce;
    this.#lastEcn = ecn;
    // draft-ietf-quic-ack-frequency §6.3: if fewer acknowledgements are wanted, only the first of several marks.
    return ecn === Ecn.ce && (isFirst || this.policy.threshold <= 1);
  }

  #isOrderDue(packetNumber: number): boolean {
    const { policy } = this;
    if (policy.reordering === 1) return packetNumber < this.#largestAckEliciting || this.#leavesGap(packetNumber);
    const largest = Math.max(packetNumber, this.#largestAckEliciting);
    return policy.isGapDue(packetNumber, largest, this.#reported, this.#received, this.#droppedBelow);
  }

  /** True if a packet is missing between this one and the largest ack-eliciting packet before it. */
  #leavesGap(packetNumber: number): boolean {
    if (packetNumber === this.#largestAckEliciting + 1) return false;
    return !this.#received.covers(Math.max(this.#largestAckEliciting + 1, this.#droppedBelow), packetNumber);
  }

  /** The peer asked for an acknowledgement now. */
  requestNow(): void {
    this.#immediate = true;
  }

  #countEcn(ecn: Ecn): void {
    this.#ecnCounts ??= { ect0: 0, ect1: 0, ce: 0 };
    if (ecn === Ecn.ect0) this.#ecnCounts.ect0 += 1;
    else if (ecn === Ecn.ect1) this.#ecnCounts.ect1 += 1;
    else this.#ecnCounts.ce += 1;
  }

  #dropOldest(): void {
    const dropped = this.#received.dropFirst();
    if (dropped !== undefined) this.#droppedBelow = dropped[1];
  }

  /** True if an ACK should be sent without delay. */
  get ackNow(): boolean {
    return this.#immediate || this.#ackElicitingPending > this.policy.threshold;
  }

  /** The latest time to send an ACK; undefined if none is pending. */
  get deadline(): Instant | undefined {
    return this.#pendingSince === undefined ? undefined : after(this.#pendingSince, this.policy.maxAckDelay);
  }

  /** True if an ACK must be sent now, even if congestion control forbids data. */
  isDue(now: Instant): boolean {
    const { deadline } = this;
    return this.ackNow || (deadline !== undefined && deadline <= now);
  }

  /** The packet numbers that an ACK reports. */
  get received(): RangeSet {
    return this.#received;
  }

  /** The largest packet number received; -1 if there is none. */
  get largest(): number {
    return this.#largest;
  }

  /** True if a packet that is going out anyway should carry an ACK. */
  get hasAnythingToAck(): boolean {
    return this.#ackElicitingPending > 0 || this.#unreported >= UNREPORTED_THRESHOLD;
  }

  /** The age of the largest packet, in the units of the ACK Delay field (RFC 9000 §19.3). */
  ackDelay(now: Instant): number {
    return Math.floor(Math.max(0, now - this.#largestReceivedAt) / 2 ** this.#ackDelayExponent);
  }

  /** ECN counts; undefined if the host never saw a mark. */
  get ecnCounts(): EcnCounts | undefined {
    return this.#ecnCounts;
  }

  onAckSent(_now: Instant): void {
    this.#ackElicitingPending = 0;
    this.#pendingSince = undefined;
    this.#immediate = false;
    this.#unreported = 0;
    this.#reported = this.#largest;
  }

  /**
   * The peer has received our ACK up to `largest`, so older ranges need not be repeated (RFC 9000 §13.2.4). Packets in
   * the gaps below then count as duplicates, so the newest gaps are kept open for late packets.
   */
  onAckAcked(largest: number): void {
    while (this.#received.size > RETAINED_RANGES && this.#received.end(0) - 1 <= largest) this.#dropOldest();
  }
}
