/**
 * The sending state of one packet number space (RFC 9002 Appendix A.1): outstanding packets, acknowledgements, and the
 * next packet number. It checks acknowledgements; it has no timers and no congestion window.
 */

import { Ecn } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import { transportError } from "../errors.ts";
import type { AckFrame } from "../frame/frames.ts";
import { PACKET_NUMBER_SPACE_NAMES, type PacketNumberSpace } from "../packet/number-space.ts";
import { EcnCounter } from "./ecn-counter.ts";
import { LostPackets } from "./lost-packets.ts";
import { LostRun } from "./persistent-congestion.ts";
import type { SentPacket } from "./sent-packet.ts";
import { SentPackets } from "./sent-packets.ts";
import type { SkippedNumbers } from "./skipped-numbers.ts";

/**
 * The maximum number of ACK-only packets to record. They are not acknowledged until something ack-eliciting follows,
 * however many a peer makes us send. Beyond the limit, what they reported is not recorded.
 */
const MAX_ACK_ONLY = 256;

export class SendSpace {
  readonly kind: PacketNumberSpace;
  readonly sent = new SentPackets();
  readonly lost = new LostPackets();
  readonly lostRun = new LostRun();
  readonly ecn = new EcnCounter();
  readonly skipped: SkippedNumbers | undefined;
  /** Packets evicted from `sent`, which count as lost. */
  readonly evicted: SentPacket[] = [];
  /** -1 if nothing has been acknowledged. */
  largestAcked = -1;
  /** When the latest of the acknowledged packets was sent. */
  latestAckedTimeSent: Instant | undefined;
  /** When the oldest packet in flight that is older than the largest acknowledged becomes lost. */
  lossTime: Instant | undefined;
  timeOfLastAckEliciting: Instant | undefined;
  ackElicitingInFlight = 0;
  /** The number of packets in `sent` that do not count as in flight. */
  #ackOnly = 0;
  #next = 0;

  constructor(kind: PacketNumberSpace, skipped?: SkippedNumbers) {
    this.kind = kind;
    this.skipped = skipped;
  }

  /** The packet number to use next. Stays the same until a packet was sent with it. */
  get nextPacketNumber(): number {
    return this.#next;
  }

  /** `windowPackets` is the congestion window in packets. */
  onPacketSent(packet: SentPacket, windowPackets: number): void {
    if (packet.packetNumber !== this.#next) {
      throw new TypeError(`packet number ${packet.packetNumber} was used instead of ${this.#next}`);
    }
    this.#next += 1;
    if (this.skipped?.skip(this.#next, windowPackets)) this.#next += 1;
    if (packet.ecn !== Ecn.notEct) this.ecn.onMarkedSent();
    if (packet.ackEliciting) {
      this.ackElicitingInFlight += 1;
      this.timeOfLastAckEliciting = packet.timeSent;
    }
    if (!packet.inFlight && this.#ackOnly >= MAX_ACK_ONLY) return;
    if (!packet.inFlight) this.#ackOnly += 1;
    const evicted = this.sent.add(packet);
    if (evicted !== undefined) this.evicted.push(evicted);
  }

  /** Checks the whole frame before any of it is applied (RFC 9000 §13.1): it may only name packets that were sent. */
  check(ack: AckFrame): void {
    const { ranges } = ack;
    let above = this.#next;
    for (let i = 0; i < ranges.length; i += 2) {
      const smallest = ranges[i]!;
      const largest = ranges[i + 1]!;
      if (smallest < 0 || largest < smallest || largest >= above) this.#reject(`acknowledges packet ${largest}`);
      above = smallest;
    }
    if (ack.largest >= this.#next) this.#reject(`acknowledges packet ${ack.largest}`);
    const skipped = this.skipped?.findIn(ranges);
    if (skipped !== undefined) this.#reject(`acknowledges packet ${skipped}`);
  }

  #reject(what: string): never {
    throw transportError(
      "PROTOCOL_VIOLATION",
      "ACK",
      `${what} in the ${PACKET_NUMBER_SPACE_NAMES[this.kind]} space, which was never sent`,
    );
  }

  /** Moves the packets that the frame newly acknowledges into `acked`, in ascending order. */
  takeAcked(ack: AckFrame, acked: SentPacket[]): void {
    const { ranges } = ack;
    // Ranges below the oldest recorded packet are repetitions.
    let count = 0;
    while (count < ranges.length && ranges[count + 1]! >= this.sent.base) count += 2;
    for (let i = count - 2; i >= 0; i -= 2) {
      const largest = Math.min(ranges[i + 1]!, this.sent.end - 1);
      for (let n = Math.max(ranges[i]!, this.sent.base); n <= largest; n += 1) {
        const packet = this.#take(n);
        if (packet !== undefined) acked.push(packet);
      }
    }
    if (ack.largest > this.largestAcked) this.largestAcked = ack.largest;
    const latest = acked.at(-1);
    if (latest !== undefined && latest.timeSent > (this.latestAckedTimeSent ?? -1)) {
      this.latestAckedTimeSent = latest.timeSent;
    }
  }

  /**
   * Moves lost packets into `lost`, in ascending order, and sets `lossTime` for those that are not lost yet (RFC 9002
   * §6.1). Lost packets were sent `packetThreshold` packets before the largest acknowledged, or no later than
   * `lostBefore`.
   */
  takeLost(packetThreshold: number, lostBefore: Instant, lossDelay: number, lost: SentPacket[]): void {
    while (this.evicted.length > 0) {
      const packet = this.evicted.shift()!;
      this.#removeFromCounts(packet);
      lost.push(packet);
    }
    this.lossTime = undefined;
    // Numbers and send times increase together: stop at the first packet that is not lost.
    while (this.sent.size > 0 && this.sent.base < this.largestAcked) {
      const oldest = this.sent.base;
      const packet = this.sent.get(oldest)!;
      if (this.largestAcked - oldest < packetThreshold && packet.timeSent > lostBefore) {
        const first = this.#oldestInFlightBelowLargestAcked();
        if (first !== undefined) this.lossTime = (first.timeSent + lossDelay) as Instant;
        return;
      }
      lost.push(this.#take(oldest)!);
    }
  }

  /**
   * RFC 9002 §6.1: only packets in flight are declared lost, so nothing else sets a timer. Takes at most
   * `packetThreshold` steps.
   */
  #oldestInFlightBelowLargestAcked(): SentPacket | undefined {
    for (let n = this.sent.base; n < this.largestAcked; n += 1) {
      const packet = this.sent.get(n);
      if (packet?.inFlight) return packet;
    }
    return undefined;
  }

  #take(packetNumber: number): SentPacket | undefined {
    const packet = this.sent.take(packetNumber);
    if (packet !== undefined) this.#removeFromCounts(packet);
    return packet;
  }

  #removeFromCounts(packet: SentPacket): void {
    if (packet.ackEliciting) this.ackElicitingInFlight -= 1;
    if (!packet.inFlight) this.#ackOnly -= 1;
  }

  /** Removes and returns all packets in flight, oldest first, without declaring them lost. Packet numbers continue. */
  drain(): SentPacket[] {
    const drained = this.evicted.splice(0);
    for (let n = this.sent.base; n < this.sent.end; n += 1) {
      const packet = this.sent.take(n);
      if (packet !== undefined) drained.push(packet);
    }
    this.sent.clear();
    this.lost.clear();
    this.lostRun.reset();
    this.ackElicitingInFlight = 0;
    this.#ackOnly = 0;
    this.lossTime = undefined;
    this.timeOfLastAckEliciting = undefined;
    return drained;
  }
}
