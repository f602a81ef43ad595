/**
 * What one packet number space has received, and when to say so (RFC 9000 §13.2). It decides when an ACK is due and what
 * it holds; it does not know how frames are written nor when a packet is going out anyway.
 *
 * `onPacketReceived` is called for each packet and only takes notes. Whether to acknowledge is asked once for each batch
 * of datagrams, so that a burst is answered by one ACK.
 */

import { Ecn } from "../../base/datagrams.ts";
import { RangeSet } from "../../base/range-set.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import type { EcnCounts } from "../frame/frames.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";

/** RFC 9000 §13.2.2: an ACK for at least every second ack-eliciting packet. */
const ACK_ELICITING_THRESHOLD = 2;

/**
 * Packets that elicit no ACK are reported in company only, and when so many have come that the peer can forget a good
 * deal. Reporting each would answer every ACK by an ACK.
 */
const UNREPORTED_THRESHOLD = 8;

/** No more ranges than this are kept; the oldest are forgotten first (RFC 9000 §13.2.3). */
export const MAX_ACK_RANGES = 64;

/** How many ranges are repeated although the peer knows of them: gaps this recent may still be filled. */
const RETAINED_RANGES = 4;

/** RFC 9000 §18.2: the exponent for Initial and Handshake packets, which know no parameters. */
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
  readonly #maxAckDelay: Micros;
  readonly #ackDelayExponent: number;
  /** Packets below this have been forgotten, and count as duplicates. */
  #forgottenBelow = 0;
  #largest = -1;
  #largestAckEliciting = -1;
  #largestReceivedAt = 0 as Instant;
  /** Ack-eliciting packets since the last ACK. */
  #ackElicitingPending = 0;
  /** When the first of them came. */
  #pendingSince: Instant | undefined;
  #immediate = false;
  /** Packets of any kind since the last ACK. */
  #unreported = 0;
  #ecnCounts: MutableEcnCounts | undefined;

  constructor(space: PacketNumberSpace, options: AckTrackerOptions) {
    this.space = space;
    this.#maxAckDelay = options.maxAckDelay;
    this.#ackDelayExponent =
      space === PacketNumberSpace.application ? options.ackDelayExponent : DEFAULT_ACK_DELAY_EXPONENT;
  }

  /** Has the packet been received before, or is it too old to tell? Then it is to be dropped (RFC 9000 §12.3). */
  isDuplicate(packetNumber: number): boolean {
    return packetNumber <= this.#largest && (packetNumber < this.#forgottenBelow || this.#received.has(packetNumber));
  }

  /** A packet that is not a duplicate was decrypted and its frames were handled. */
  onPacketReceived(packetNumber: number, ackEliciting: boolean, ecn: Ecn, now: Instant): void {
    if (this.isDuplicate(packetNumber)) return;
    this.#received.add(packetNumber, packetNumber + 1);
    if (this.#received.size > MAX_ACK_RANGES) this.#forgetOldest();
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
    // RFC 9000 §13.2.1: Initial and Handshake packets, packets out of order and packets marked CE at once.
    if (
      this.space !== PacketNumberSpace.application ||
      ecn === Ecn.ce ||
      packetNumber < this.#largestAckEliciting ||
      this.#leavesGap(packetNumber)
    ) {
      this.#immediate = true;
    }
    if (packetNumber > this.#largestAckEliciting) this.#largestAckEliciting = packetNumber;
  }

  /** Is a packet missing between this and the largest ack-eliciting packet before it? */
  #leavesGap(packetNumber: number): boolean {
    if (packetNumber === this.#largestAckEliciting + 1) return false;
    return !this.#received.covers(Math.max(this.#largestAckEliciting + 1, this.#forgottenBelow), packetNumber);
  }

  #countEcn(ecn: Ecn): void {
    this.#ecnCounts ??= { ect0: 0, ect1: 0, ce: 0 };
    if (ecn === Ecn.ect0) this.#ecnCounts.ect0 += 1;
    else if (ecn === Ecn.ect1) this.#ecnCounts.ect1 += 1;
    else this.#ecnCounts.ce += 1;
  }

  #forgetOldest(): void {
    const dropped = this.#received.dropFirst();
    if (dropped !== undefined) this.#forgottenBelow = dropped[1];
  }

  /** Should an ACK be sent without waiting? */
  get ackNow(): boolean {
    return this.#immediate || this.#ackElicitingPending >= ACK_ELICITING_THRESHOLD;
  }

  /** When an ACK has to be sent at the latest; undefined when nothing asks for one. */
  get deadline(): Instant | undefined {
    return this.#pendingSince === undefined ? undefined : after(this.#pendingSince, this.#maxAckDelay);
  }

  /** Must an ACK leave now, even if congestion control forbids data? */
  isDue(now: Instant): boolean {
    const { deadline } = this;
    return this.ackNow || (deadline !== undefined && deadline <= now);
  }

  /** What an ACK reports. */
  get received(): RangeSet {
    return this.#received;
  }

  /** The largest packet number received; -1 when none. */
  get largest(): number {
    return this.#largest;
  }

  /** Should a packet that is going out anyway carry an ACK? */
  get hasAnythingToAck(): boolean {
    return this.#ackElicitingPending > 0 || this.#unreported >= UNREPORTED_THRESHOLD;
  }

  /** How long ago the largest packet came, in the units of the ACK Delay field (RFC 9000 §19.3). */
  ackDelay(now: Instant): number {
    return Math.floor(Math.max(0, now - this.#largestReceivedAt) / 2 ** this.#ackDelayExponent);
  }

  /** What the network marked; undefined when the host never saw a mark. */
  get ecnCounts(): EcnCounts | undefined {
    return this.#ecnCounts;
  }

  onAckSent(_now: Instant): void {
    this.#ackElicitingPending = 0;
    this.#pendingSince = undefined;
    this.#immediate = false;
    this.#unreported = 0;
  }

  /**
   * The peer has an ACK of ours that went up to `largest`: older ranges need not be repeated (RFC 9000 §13.2.4). Packets
   * of the gaps below count as duplicates from then on, so the newest gaps are kept open for stragglers.
   */
  onAckAcked(largest: number): void {
    while (this.#received.size > RETAINED_RANGES && this.#received.end(0) - 1 <= largest) this.#forgetOldest();
  }
}
