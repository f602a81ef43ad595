/**
 * The receiving half: RCV.NXT, the window, reassembly, SACK blocks, and when to acknowledge (RFC 9293 §3.8.6, RFC 2018,
 * RFC 5681 §4.2).
 */

import { RangeSet } from "../base/range-set.ts";
import { Reassembler, TOO_MANY_CHUNKS } from "../base/reassembler.ts";
import { after, type Instant, millis } from "../base/time.ts";
import { sequenceAt } from "./sequence.ts";

/** MUST-40 allows 500 ms. */
const ACK_DELAY = millis(40);
/** The first segments are acknowledged at once, so that the peer's slow start is not held up. */
const QUICK_ACKS = 16;
/** Separate runs that wait for a gap to be filled. */
const MAX_RUNS = 256;
/** RFC 9293 §3.1: blocks that fit, with and without timestamps. */
const MAX_BLOCKS = 4;
const MAX_BLOCKS_WITH_TIMESTAMPS = 3;

export class Receiver {
  /** IRS; 0 until the peer's SYN. */
  initial = 0;
  /** RCV.NXT. */
  next = 0;
  /** Shift of our window field. */
  scale = 0;
  /** The position of the peer's FIN, once it is known. */
  finAt: number | undefined;
  ackAt: Instant | undefined;
  isAckDue = false;
  readonly #capacity: number;
  readonly #reassembler = new Reassembler(MAX_RUNS);
  /** What arrived after a gap. */
  readonly #early = new RangeSet();
  /** A position in each early run, the latest first (RFC 2018 §4). */
  #latest: number[] = [];
  /** RFC 2883: data that arrived twice, to report once. */
  #duplicate: readonly [start: number, end: number] | undefined;
  /** The right edge that the peer knows. */
  #edge = 0;
  #promised = 0;
  #unacknowledged = 0;
  #quickAcks = QUICK_ACKS;
  /** The largest payload seen, which tells the peer's segment size. */
  #largest = 536;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Bytes that the application can read now. */
  get readable(): number {
    return this.#reassembler.readable;
  }

  /** True if the peer's FIN came and everything before it did. */
  get isFinished(): boolean {
    return this.finAt !== undefined && this.next > this.finAt;
  }

  /** The right edge of the window that the peer knows; what lies after it is not acceptable. */
  get edge(): number {
    return this.#edge;
  }

  start(initial: number): void {
    this.initial = initial;
    this.next = 1;
    this.#edge = 1;
  }

  /** The window field of a segment. With `isScaled` false, that of a SYN. */
  windowField(mss: number, isScaled: boolean): number {
    const scale = isScaled ? this.scale : 0;
    const wanted = this.next + this.#capacity - this.readable;
    // MUST-39, SHLD-14: the edge moves by as much as is worth a segment, and never to the left.
    const gain = wanted - this.#edge;
    if (gain >= Math.min(this.#capacity / 2, mss)) this.#edge = wanted;
    // Rounding up keeps the edge where it was promised.
    const field = Math.min(0xffff, Math.ceil(Math.max(0, this.#edge - this.next) / 2 ** scale));
    // What rounding and the field's size make of it; an edge that was promised stays.
    this.#edge = Math.max(this.#promised, this.next + field * 2 ** scale);
    this.#promised = this.#edge;
    return field;
  }

  /** True if reading has opened the window enough to tell the peer. */
  isWindowUpdateDue(mss: number): boolean {
    // The field may be too small for the whole buffer.
    const largest = Math.min(this.#capacity, 0xffff * 2 ** this.scale);
    const gain = this.next + Math.min(largest, this.#capacity - this.readable) - this.#edge;
    const left = this.#edge - this.next;
    return gain >= Math.min(largest / 2, mss) && (gain >= largest / 4 || left < mss);
  }

  /** Takes the payload at a position. Returns true if in-order bytes were added. */
  receive(position: number, bytes: Uint8Array, now: Instant): boolean {
    const end = position + bytes.length;
    if (bytes.length > this.#largest) this.#largest = bytes.length;
    if (end <= this.next || this.#early.covers(Math.max(position, this.next), end)) {
      this.reportDuplicate(position, end);
      return false;
    }
    if (position < this.next) this.#duplicate = [position, this.next];
    // The reassembler counts from the first byte, which is at position 1.
    if (this.#reassembler.insert(position - 1, bytes) === TOO_MANY_CHUNKS) {
      this.isAckDue = true;
      return false;
    }
    const before = this.next;
    this.next = this.#reassembler.readOffset + this.#reassembler.readable + 1;
    if (this.next === before) {
      this.#early.add(position, end);
      this.#latest = [position, ...this.#latest.filter((each) => each < position || each >= end)].slice(0, MAX_RUNS);
      // MAY-13, RFC 5681 §4.2: a gap is reported at once.
      this.isAckDue = true;
      return false;
    }
    const filled = !this.#early.isEmpty;
    this.#early.remove(0, this.next);
    if (filled) this.#latest = this.#latest.filter((each) => each >= this.next);
    this.#scheduleAck(this.next - before, filled, now);
    return true;
  }

  /** A segment brought nothing new: the next acknowledgment says so (RFC 2883). */
  reportDuplicate(start: number, end: number): void {
    this.#duplicate = [start, end];
    this.isAckDue = true;
  }

  /** The peer's FIN is at this position. Returns true if everything before it has arrived. */
  receiveFin(position: number): boolean {
    this.finAt ??= position;
    this.isAckDue = true;
    if (this.next !== this.finAt) return false;
    this.next += 1;
    return true;
  }

  read(max: number): Uint8Array | undefined {
    return this.#reassembler.read(max);
  }

  /** Discards what the application will not read. */
  discard(): void {
    this.#reassembler.clear();
  }

  /** An acknowledgement of everything leaves now. */
  onAckSent(): void {
    this.isAckDue = false;
    this.ackAt = undefined;
    this.#unacknowledged = 0;
    this.#duplicate = undefined;
  }

  /** The blocks to report, as sequence numbers. */
  sackBlocks(hasTimestamps: boolean): number[] {
    const blocks: number[] = [];
    const max = 2 * (hasTimestamps ? MAX_BLOCKS_WITH_TIMESTAMPS : MAX_BLOCKS);
    const push = (start: number, end: number): void => {
      blocks.push(sequenceAt(this.initial, start), sequenceAt(this.initial, end));
    };
    // RFC 2883 §4: the duplicate comes first.
    if (this.#duplicate !== undefined) push(...this.#duplicate);
    const seen = new Set<number>();
    for (const position of this.#latest) {
      if (blocks.length >= max) break;
      const [start, end] = this.#runAround(position);
      if (end === undefined || seen.has(start!)) continue;
      seen.add(start!);
      push(start!, end);
    }
    return blocks;
  }

  #runAround(position: number): readonly (number | undefined)[] {
    for (const [start, end] of this.#early) if (start <= position && position < end) return [start, end];
    return [];
  }

  #scheduleAck(count: number, filledGap: boolean, now: Instant): void {
    this.#unacknowledged += count;
    if (this.#quickAcks > 0) {
      this.#quickAcks -= 1;
      this.isAckDue = true;
    }
    // SHLD-19, RFC 5681 §4.2.
    if (filledGap || this.#unacknowledged >= 2 * Math.min(this.#largest, 1_460)) this.isAckDue = true;
    else this.ackAt ??= after(now, ACK_DELAY);
  }
}
