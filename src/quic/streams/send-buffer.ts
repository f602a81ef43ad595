/**
 * The bytes of a stream from the first unacknowledged one to the last written: segments by reference, in order and
 * without gaps. It is the one place where bytes wait, and the one where small writes are gathered. It knows nothing of
 * what was sent or lost.
 */

import type { Writer } from "../../wire/writer.ts";
import type { SendSource } from "./send-source.ts";

/** Bytes of the stream from `offset` on. */
interface Segment {
  readonly bytes: Uint8Array;
  readonly source: SendSource | undefined;
  readonly offset: number;
  /** The first so many of `bytes`. */
  length: number;
}

/** Writes up to this size are gathered when many follow each other, so that a trickle does not cost objects a byte. */
const SMALL_WRITE = 256;
/** So many in a row are kept by reference: the frames of a small message. */
const SMALL_RUN = 4;
const GATHER_SIZE = 2_048;

export class SendBuffer {
  #segments: Segment[] = [];
  /** Segments before this index are released; they leave the array now and then, not one by one. */
  #head = 0;
  #end = 0;
  #released = 0;
  /** Where the last search ended: the next is mostly there or just behind. */
  #cursor = 0;
  /** How many small segments stand at the end. */
  #smallRun = 0;
  /** The last segment when its memory is our own, with room for more. */
  #gathering: Segment | undefined = undefined;

  /** The offset after the last byte written. */
  get end(): number {
    return this.#end;
  }

  /** How many bytes are held. */
  get length(): number {
    return this.#end - this.#released;
  }

  /** How many runs of bytes are held. */
  get segments(): number {
    return this.#segments.length - this.#head;
  }

  /** Appends bytes, which the caller must not change before they are released; a source is retained until then. */
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

  /** Writes the `length` bytes from `offset` on, which must be held. */
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

  /** Lets go of everything before `offset`. */
  release(offset: number): void {
    if (offset <= this.#released) return;
    this.#released = offset;
    const segments = this.#segments;
    while (this.#head < segments.length) {
      const segment = segments[this.#head]!;
      if (segment.offset + segment.length > offset) break;
      this.#head += 1;
      segment.source?.release();
    }
    if (this.#head === segments.length) {
      segments.length = 0;
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

  releaseAll(): void {
    this.release(this.#end);
  }
}

const holds = (segment: Segment | undefined, offset: number): boolean =>
  segment !== undefined && segment.offset <= offset && offset < segment.offset + segment.length;
