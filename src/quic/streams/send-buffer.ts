/**
 * The bytes of a stream from the first unacknowledged one to the last written: segments of send sources, in order and
 * without gaps. It knows nothing of what was sent or lost.
 */

import { SendSource } from "./send-source.ts";

/** The bytes [start, end) of a source, of which the first is at `offset` of the stream. */
export interface Segment {
  readonly source: SendSource;
  readonly offset: number;
  readonly start: number;
  end: number;
}

/** Writes up to this size are gathered when they follow each other, so that a trickle does not cost an object a byte. */
const SMALL_WRITE = 256;
const GATHER_SIZE = 2_048;

export class SendBuffer {
  #segments: Segment[] = [];
  /** Segments before this index are released; they leave the array now and then, not one by one. */
  #head = 0;
  #end = 0;
  #released = 0;
  /** Where the last search ended: the next is mostly there or just behind. */
  #cursor = 0;
  /** The source of the last segment when it is our own gathering memory. */
  #gathering: SendSource | undefined = undefined;

  /** The offset after the last byte written. */
  get end(): number {
    return this.#end;
  }

  /** How many bytes are held. */
  get length(): number {
    return this.#end - this.#released;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (bytes.length <= SMALL_WRITE && this.#gather(bytes)) return;
    this.appendSource(new SendSource(bytes), 0, bytes.length);
  }

  /** Appends the bytes [start, end) of a source and holds a reference to it. */
  appendSource(source: SendSource, start: number, end: number): void {
    source.retain();
    this.#segments.push({ source, offset: this.#end, start, end });
    this.#end += end - start;
    this.#gathering = undefined;
  }

  /** Copies a small write behind another small one. */
  #gather(bytes: Uint8Array): boolean {
    const last = this.#head < this.#segments.length ? this.#segments.at(-1) : undefined;
    if (last === undefined || (this.#gathering === undefined && last.end - last.start > SMALL_WRITE)) return false;
    if (this.#gathering === undefined || last.end + bytes.length > this.#gathering.bytes.length) {
      const memory = new SendSource(new Uint8Array(GATHER_SIZE));
      memory.bytes.set(bytes);
      this.appendSource(memory, 0, bytes.length);
      this.#gathering = memory;
      return true;
    }
    this.#gathering.bytes.set(bytes, last.end);
    last.end += bytes.length;
    this.#end += bytes.length;
    return true;
  }

  /** The segment that holds the byte at `offset`, which must be held. */
  find(offset: number): Segment {
    const segments = this.#segments;
    let index = this.#cursor;
    if (!holds(segments[index], offset)) {
      index += 1;
      if (!holds(segments[index], offset)) index = this.#search(offset);
      this.#cursor = index;
    }
    return segments[index]!;
  }

  #search(offset: number): number {
    const segments = this.#segments;
    let low = this.#head;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (segments[middle]!.offset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Lets go of everything before `offset`. */
  release(offset: number): void {
    if (offset <= this.#released) return;
    this.#released = offset;
    const segments = this.#segments;
    while (this.#head < segments.length) {
      const segment = segments[this.#head]!;
      if (segment.offset + segment.end - segment.start > offset) break;
      segment.source.release();
      this.#head += 1;
    }
    if (this.#head === segments.length) {
      segments.length = 0;
      this.#cursor = 0;
      this.#head = 0;
      this.#gathering = undefined; // an idle stream keeps no memory
    } else if (this.#head >= 32 && this.#head * 2 >= segments.length) {
      segments.splice(0, this.#head);
      this.#cursor = Math.max(0, this.#cursor - this.#head);
      this.#head = 0;
    }
  }

  releaseAll(): void {
    this.release(this.#end);
  }
}

const holds = (segment: Segment | undefined, offset: number): boolean =>
  segment !== undefined && segment.offset <= offset && offset < segment.offset + segment.end - segment.start;
