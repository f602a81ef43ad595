/** Puts the bytes of a stream flow in order. Of bytes with a deadline, what is missing then is skipped; the others are waited for. */

import { RangeSet } from "../../base/range-set.ts";
import { Reassembler, TOO_MANY_CHUNKS } from "../../base/reassembler.ts";
import { earliest, type Instant } from "../../base/time.ts";
import type { StreamUnit } from "../packet/types.ts";
import { expandSequence } from "../session/arrivals.ts";
import { MAX_FLOW_MEMORY } from "../session/limits.ts";
import { type Arrival, type IncomingFlow, newStats } from "./in-flow.ts";

/** Gaps that may be open. */
const MAX_CHUNKS = 1_024;

/** Bytes in order. */
export interface StreamPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Bytes before it that never came. */
  readonly skipped: number;
  /** When the first of what could be read was due; undefined without a deadline. */
  readonly due: Instant | undefined;
}

/** Bytes behind a gap, and when it will be skipped for them. */
interface Beyond {
  readonly offset: number;
  readonly due: Instant;
}

export class ByteStream {
  readonly flow: IncomingFlow;
  readonly stats = newStats();
  readonly #reassembler = new Reassembler(MAX_CHUNKS);
  /** What came, and what was skipped, from what was read on. */
  readonly #received = new RangeSet();
  readonly #beyond: Beyond[] = [];
  /** Bytes that stand for those that never came, as ranges. */
  readonly #gaps: (readonly [start: number, end: number])[] = [];
  #end: number | undefined;
  #inOrder = 0;
  /** The earliest of what has come since everything was read. */
  #due: Instant | undefined;
  #read = 0;

  constructor(flow: IncomingFlow) {
    this.flow = flow;
  }

  /** Bytes that can be read. */
  get readable(): number {
    return this.#reassembler.readable;
  }

  /** True once everything was read. */
  get isFinished(): boolean {
    return this.#end !== undefined && this.#read >= this.#end;
  }

  /** False if it is more than a flow may hold, or contradicts itself. */
  handle(unit: StreamUnit, { due, now }: Arrival): boolean {
    const { payload, isFin, isStateful } = unit;
    const offset = isStateful ? unit.offset : expandSequence(unit.offset, this.#inOrder);
    const end = offset + payload.length;
    if (end - this.#read > MAX_FLOW_MEMORY) return false;
    if (this.#end !== undefined && (end > this.#end || (isFin && end !== this.#end))) return false;
    if (isFin && end < this.#reassembler.highest) return false;
    if (isFin) this.#end = end;
    // The stateless service waits for nothing.
    if (!isStateful && offset > this.#inOrder) this.#skipTo(offset);
    const before = this.#inOrder;
    if (payload.length > 0 && this.#reassembler.insert(offset, payload) === TOO_MANY_CHUNKS) return false;
    const added =
      payload.length === 0 ? 0 : this.#received.add(Math.max(offset, this.#read), Math.max(end, this.#read));
    this.#advance();
    this.stats.repeated += Math.max(0, payload.length - added);
    this.stats.delivered += this.#inOrder - before;
    if (due !== undefined && now > due) this.stats.late += added;
    if (added > 0) this.#due = earliest(this.#due, due);
    if (offset > this.#inOrder && due !== undefined) this.#beyond.push({ offset, due });
    return true;
  }

  /** The next bytes; undefined if there are none. */
  read(max: number): StreamPiece | undefined {
    let skipped = 0;
    for (let gap = this.#gaps[0]; gap !== undefined && gap[0] === this.#read; gap = this.#gaps[0]) {
      this.#gaps.shift();
      this.#discard(gap[1] - gap[0]);
      skipped += gap[1] - gap[0];
    }
    const limit = this.#gaps[0] === undefined ? max : Math.min(max, this.#gaps[0][0] - this.#read);
    const bytes = this.#reassembler.read(limit);
    const due = this.#due;
    if (bytes === undefined) return skipped === 0 ? undefined : { offset: this.#read, bytes: NOTHING, skipped, due };
    const offset = this.#read;
    this.#read += bytes.length;
    if (this.readable === 0) this.#due = undefined;
    return { offset, bytes, skipped, due };
  }

  get nextTimeout(): Instant | undefined {
    let first: Instant | undefined;
    for (const { due } of this.#beyond) if (first === undefined || due < first) first = due;
    return first;
  }

  /** Skips the gaps before bytes that are due. Returns true if there is more to read. */
  handleTimeout(now: Instant): boolean {
    let target = -1;
    for (const { offset, due } of this.#beyond) if (due <= now && offset > target) target = offset;
    if (target <= this.#inOrder) return false;
    this.#skipTo(target);
    return true;
  }

  /** Fills what is missing before `offset` with bytes that `read` leaves out. */
  #skipTo(offset: number): void {
    const missing = this.#received.missing(this.#inOrder, offset);
    for (let at = 0; at < missing.length; at += 2) {
      const [start, end] = [missing[at]!, missing[at + 1]!];
      this.#reassembler.insert(start, new Uint8Array(end - start));
      this.#received.add(start, end);
      this.#gaps.push([start, end]);
      this.stats.missed += end - start;
    }
    this.#advance();
  }

  #discard(count: number): void {
    for (let left = count; left > 0; ) left -= this.#reassembler.read(left)!.length;
    this.#read += count;
  }

  #advance(): void {
    this.#inOrder = this.#reassembler.readOffset + this.#reassembler.readable;
    this.#received.remove(0, this.#read);
    for (let at = this.#beyond.length - 1; at >= 0; at -= 1) {
      if (this.#beyond[at]!.offset <= this.#inOrder) this.#beyond.splice(at, 1);
    }
  }
}

const NOTHING = new Uint8Array(0);
