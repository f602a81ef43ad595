/**
 * The bytes of a stream from the first unacknowledged one to the last one written: a gapless, ordered list of segments
 * held by reference. It is the only place where bytes wait, and where small writes are combined. It does not know what
 * was sent or lost.
 */

import type { Writer } from "../../wire/writer.ts";
import type { SendSource } from "./send-source.ts";

/** Bytes of the stream starting at `offset`. */
interface Segment {
  readonly bytes: Uint8Array;
  readonly source: SendSource | undefined;
  readonly offset: number;
  /** How many of `bytes` are used, from the start. */
  length: number;
}

/**
 * Writes up to this size are combined if many follow each other, so that a trickle of bytes does not cost an object
 * each.
 */
const SMALL_WRITE = 256;
/** This many in a row are kept by reference: the frames of a small message. */
const SMALL_RUN = 4;
const GATHER_SIZE = 2_048;

export class SendBuffer {
  #segments: Segment[] = [];
  /** Segments before this index are released. They are removed from the array in batches. */
  #head = 0;
  #end = 0;
  #released = 0;
  #memory = 0;
  /** Where the last search ended. The next one usually ends there or just after it. */
  #cursor = 0;
  /** The number of small segments at the end. */
  #smallRun = 0;
  /** The last segment, if its memory is our own and has room for more. */
  #gathering: Segment | undefined = undefined;

  /** The offset after the last byte written. */
  get end(): number {
    return this.#end;
  }

  /** The number of bytes held. */
  get length(): number {
    return this.#end - this.#released;
  }

  /** The memory that the segments occupy. Each is released as a whole. */
  get memory(): number {
    return this.#memory;
  }

  /** The number of segments held. */
  get segments(): number {
    return this.#segments.length - this.#head;
  }

  /** Appends bytes, which the caller must not change until they are released. A source is retained until then. */
  append(data: Uint8Array | SendSource): void {
    if (data.length === 0) return;
    if (!(data instanceof Uint8Array)) {
      data.retain();
      this.#push(data.bytes, data, data.length);
      this.#smallRun = 0;
    } else if (data.length > SMALL_WRITE) {
      this.#push(data, undefined, data.length);
      this.#smallRun = 0;
    } else {
      this.#appendSmall(data);
    }
  }

  #push(bytes: Uint8Array, source: SendSource | undefined, length: number): Segment {
    const segment: Segment = { bytes, source, offset: this.#end, length };
    this.#segments.push(segment);
    this.#end += length;
    this.#memory += bytes.length;
    this.#gathering = undefined;
    return segment;
  }

  #appendSmall(bytes: Uint8Array): void {
    const gathering = this.#gathering;
    if (gathering !== undefined && gathering.length + bytes.length <= GATHER_SIZE) {
      gathering.bytes.set(bytes, gathering.length);
      gathering.length += bytes.length;
      this.#end += bytes.length;
    } else if (this.#smallRun < SMALL_RUN) {
      this.#push(bytes, undefined, bytes.length);
      this.#smallRun += 1;
    } else {
      const memory = new Uint8Array(GATHER_SIZE);
      memory.set(bytes);
      this.#gathering = this.#push(memory, undefined, bytes.length);
    }
  }

  /** Writes `length` bytes starting at `offset`, which must be held. */
  copyTo(writer: Writer, offset: number, length: number): void {
    let index = this.#find(offset);
    let rest = length;
    let at = offset;
    while (true) {
      const segment = this.#segments[index]!;
      const from = at - segment.offset;
      const part = Math.min(rest, segment.length - from);
      writer.write(
        from === 0 && part === segment.bytes.length ? segment.bytes : segment.bytes.subarray(from, from + part),
      );
      rest -= part;
      if (rest === 0) break;
      at += part;
      index += 1;
    }
    this.#cursor = index;
  }

  /** The index of the segment that holds the byte at `offset`. */
  #find(offset: number): number {
    const segments = this.#segments;
    if (holds(segments[this.#cursor], offset)) return this.#cursor;
    if (holds(segments[this.#cursor + 1], offset)) return this.#cursor + 1;
    let low = this.#head;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (segments[middle]!.offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Releases everything before `offset`. */
  release(offset: number): void {
    if (offset <= this.#released) return;
    this.#released = offset;
    const segments = this.#segments;
    while (this.#head < segments.length) {
      const segment = segments[this.#head]!;
      if (segment.offset + segment.length > offset) break;
      this.#head += 1;
      this.#memory -= segment.bytes.length;
      segment.source?.release();
    }
    if (this.#head === segments.length) {
      this.#segments = [];
      this.#cursor = 0;
      this.#head = 0;
      this.#smallRun = 0;
      this.#gathering = undefined; // an idle stream keeps no memory
    } else if (this.#head >= 32 && this.#head * 2 >= segments.length) {
      segments.splice(0, this.#head);
      this.#cursor = Math.max(0, this.#cursor - this.#head);
      this.#head = 0;
    }
  }

  /** Releases everything at or after `offset`. Nothing may be appended after that. */
  truncate(offset: number): void {
    const end = Math.max(offset, this.#released);
    if (end >= this.#end) return;
    const segments = this.#segments;
    while (segments.length > this.#head) {
      const segment = segments.at(-1)!;
      const isPartlyKept = segment.offset < end && end > this.#released;
      if (isPartlyKept) {
        segment.length = Math.min(segment.length, end - segment.offset);
        break;
      }
      segments.pop();
      this.#memory -= segment.bytes.length;
      segment.source?.release();
    }
    this.#end = end;
    this.#cursor = this.#head;
    this.#gathering = undefined;
  }

  releaseAll(): void {
    this.release(this.#end);
  }
}

const holds = (segment: Segment | undefined, offset: number): boolean =>
  segment !== undefined && segment.offset <= offset && offset < segment.offset + segment.length;
