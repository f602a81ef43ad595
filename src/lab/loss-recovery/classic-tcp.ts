/**
 * A reference to compare with: the recovery of TCP before SACK, with one timer. Slow start, congestion avoidance and fast
 * retransmit of RFC 5681, partial acknowledgements of RFC 6582, and the retransmission timeout of RFC 6298, whose minimum
 * is an option. A connection is established from the start, and carries one download in segments of equal size.
 */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { Ecn } from "../../base/datagrams.ts";
import { after, type Instant, type Micros, millis, seconds } from "../../base/time.ts";

/** Bytes of content per segment and of its header: about those of a QUIC packet of 1200 bytes. */
export const SEGMENT = 1_165;
const HEADER = 35;
/** RFC 5681 §3.2. */
const DUPLICATE_THRESHOLD = 3;
/** Segments; RFC 6928. */
const INITIAL_WINDOW = 10;
/** RFC 6298 §2. */
const INITIAL_RTO = seconds(1);
const MAX_RTO = seconds(60);
/** RFC 5681 §4.2 allows half a second; this is QUIC's max_ack_delay. */
const DELAYED_ACK = millis(25);

const u32 = (bytes: Uint8Array, offset: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
const putU32 = (bytes: Uint8Array, offset: number, value: number): void =>
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value);

export interface ClassicSenderOptions {
  readonly remote: SocketAddress;
  /** Bytes; Infinity for a download without end. */
  readonly bytes: number;
  /** RFC 6298 §2.4: one second. Linux: 200 ms. */
  readonly minimumRto: Micros;
}

/** Sends the segments 0 to `total` - 1. All counts are in segments. */
export class ClassicSender implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  segmentsSent = 0;
  retransmissions = 0;
  timeouts = 0;
  readonly #remote: SocketAddress;
  readonly #total: number;
  readonly #minimumRto: Micros;
  #window = INITIAL_WINDOW;
  #threshold = Number.POSITIVE_INFINITY;
  #firstUnacked = 0;
  #next = 0;
  /** One more than the highest segment ever sent. */
  #sentUpTo = 0;
  #duplicates = 0;
  /** The end of what was sent when recovery began; undefined outside of recovery. */
  #recoverUpTo: number | undefined;
  /** RFC 6582 §3.2, step 1: duplicates of data from before a timeout do not begin another recovery. */
  #notBefore = 0;
  #resend: number | undefined;
  readonly #timeSent = new Map<number, Instant>();
  #smoothed: number | undefined;
  #variation = 0;
  #rto: Micros = INITIAL_RTO;
  #deadline: Instant | undefined;

  constructor({ remote, bytes, minimumRto }: ClassicSenderOptions) {
    this.#remote = remote;
    this.#total = Math.ceil(bytes / SEGMENT);
    this.#minimumRto = minimumRto;
  }

  /** Segments. */
  get congestionWindow(): number {
    return this.#window;
  }

  /** Segments; Infinity before the first loss. */
  get slowStartThreshold(): number {
    return this.#threshold;
  }

  get #isDone(): boolean {
    return this.#firstUnacked >= this.#total;
  }

  handleBatch({ arena, offset, count }: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < count; i += 1) this.#onAck(u32(arena, offset[i]!), now);
  }

  #onAck(acked: number, now: Instant): void {
    if (acked === this.#firstUnacked) {
      if (this.#next > acked) this.#onDuplicate(now);
      return;
    }
    if (acked < this.#firstUnacked) return;
    const count = acked - this.#firstUnacked;
    this.#sampleRtt(acked, now);
    for (let segment = this.#firstUnacked; segment < acked; segment += 1) this.#timeSent.delete(segment);
    this.#firstUnacked = acked;
    // After a timeout, an acknowledgement may cover what the receiver had kept.
    this.#next = Math.max(this.#next, acked);
    this.#duplicates = 0;
    if (this.#recoverUpTo === undefined) this.#grow(count);
    else if (acked >= this.#recoverUpTo) {
      // RFC 6582 §3.2, step 3: a full acknowledgement ends recovery.
      this.#window = this.#threshold;
      this.#recoverUpTo = undefined;
    } else {
      // A partial acknowledgement names the next hole, and deflates the window.
      this.#resend = acked;
      this.#window = Math.max(this.#window - count + 1, 1);
    }
    // RFC 6298 §5.2, §5.3.
    this.#deadline = this.#isDone || this.#next === acked ? undefined : after(now, this.#rto);
  }

  #grow(count: number): void {
    // RFC 3465: by what was acknowledged, at most two segments per acknowledgement.
    if (this.#window < this.#threshold) this.#window += Math.min(count, 2);
    else this.#window += count / this.#window;
  }

  #onDuplicate(now: Instant): void {
    if (this.#recoverUpTo !== undefined) {
      this.#window += 1;
      return;
    }
    this.#duplicates += 1;
    if (this.#duplicates < DUPLICATE_THRESHOLD || this.#firstUnacked < this.#notBefore) return;
    // RFC 5681 §3.2.
    this.#threshold = Math.max((this.#next - this.#firstUnacked) / 2, 2);
    this.#window = this.#threshold + DUPLICATE_THRESHOLD;
    this.#recoverUpTo = this.#next;
    this.#resend = this.#firstUnacked;
    this.#deadline = after(now, this.#rto);
  }

  /** RFC 6298 §2, without the segments that were sent twice (§3, Karn's algorithm). */
  #sampleRtt(acked: number, now: Instant): void {
    const sentAt = this.#timeSent.get(acked - 1);
    if (sentAt === undefined) return;
    const sample = now - sentAt;
    if (this.#smoothed === undefined) {
      this.#smoothed = sample;
      this.#variation = sample / 2;
    } else {
      this.#variation = 0.75 * this.#variation + 0.25 * Math.abs(this.#smoothed - sample);
      this.#smoothed = 0.875 * this.#smoothed + 0.125 * sample;
    }
    const rto = Math.round(this.#smoothed + 4 * this.#variation);
    this.#rto = Math.min(Math.max(rto, this.#minimumRto), MAX_RTO) as Micros;
  }

  nextTimeout(): Instant | undefined {
    return this.#deadline;
  }

  handleTimeout(now: Instant): void {
    if (this.#deadline === undefined || this.#deadline > now) return;
    this.timeouts += 1;
    // RFC 5681 §3.1, RFC 6298 §5.5: everything is sent again, from one segment on.
    this.#threshold = Math.max((this.#next - this.#firstUnacked) / 2, 2);
    this.#window = 1;
    this.#duplicates = 0;
    this.#recoverUpTo = undefined;
    this.#resend = undefined;
    this.#notBefore = this.#sentUpTo;
    this.#next = this.#firstUnacked;
    this.#rto = Math.min(this.#rto * 2, MAX_RTO) as Micros;
    this.#deadline = undefined;
  }

  pollTransmit(slots: SlotWriter, _maxSegments: number, now: Instant): Transmit | undefined {
    const segment = this.#takeNext();
    if (segment === undefined) return undefined;
    this.segmentsSent += 1;
    if (segment < this.#sentUpTo) {
      this.retransmissions += 1;
      this.#timeSent.delete(segment);
    } else {
      this.#sentUpTo = segment + 1;
      this.#timeSent.set(segment, now);
    }
    this.#deadline ??= after(now, this.#rto);
    putU32(slots.arena, 0, segment);
    const length = HEADER + SEGMENT;
    return { local: undefined, remote: this.#remote, ecn: Ecn.notEct, segmentSize: length, count: 1, length };
  }

  #takeNext(): number | undefined {
    const lost = this.#resend;
    if (lost !== undefined) {
      this.#resend = undefined;
      return lost;
    }
    if (this.#next >= this.#total || this.#next - this.#firstUnacked >= Math.floor(this.#window)) return undefined;
    return this.#next++;
  }

  handleSent(): void {}

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): undefined {
    return undefined;
  }
}

/** Acknowledges cumulatively: every second segment, one segment after a delay, and at once if any is missing (RFC 5681 §4.2). */
export class ClassicReceiver implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  /** The number of segments received in order. */
  received = 0;
  readonly #remote: SocketAddress;
  readonly #early = new Set<number>();
  #unacked = 0;
  #ackAt: Instant | undefined;
  /** Acknowledgements to send: what had been received in order. */
  readonly #acks: number[] = [];

  constructor(remote: SocketAddress) {
    this.#remote = remote;
  }

  /** The number of segments received, in any order. */
  get arrived(): number {
    return this.received + this.#early.size;
  }

  handleBatch({ arena, offset, count }: ReceivedBatch, now: Instant): void {
    for (let i = 0; i < count; i += 1) this.#onSegment(u32(arena, offset[i]!), now);
  }

  #onSegment(segment: number, now: Instant): void {
    const isInOrder = segment === this.received && this.#early.size === 0;
    if (segment > this.received) this.#early.add(segment);
    if (segment === this.received) {
      this.received += 1;
      while (this.#early.delete(this.received)) this.received += 1;
    }
    this.#unacked += 1;
    if (!isInOrder || this.#unacked >= 2) this.#acknowledge();
    else this.#ackAt = after(now, DELAYED_ACK);
  }

  #acknowledge(): void {
    this.#acks.push(this.received);
    this.#unacked = 0;
    this.#ackAt = undefined;
  }

  nextTimeout(): Instant | undefined {
    return this.#ackAt;
  }

  handleTimeout(now: Instant): void {
    if (this.#ackAt !== undefined && this.#ackAt <= now) this.#acknowledge();
  }

  pollTransmit(slots: SlotWriter): Transmit | undefined {
    const ack = this.#acks.shift();
    if (ack === undefined) return undefined;
    putU32(slots.arena, 0, ack);
    return { local: undefined, remote: this.#remote, ecn: Ecn.notEct, segmentSize: HEADER, count: 1, length: HEADER };
  }

  handleSent(): void {}

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): undefined {
    return undefined;
  }
}
