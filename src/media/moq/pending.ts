/** Bytes that wait until something can be read from them as a whole. */

import { WireError } from "../../base/errors.ts";
import { Reader } from "../../wire/reader.ts";

/** A buffer up to this size is kept while it is empty. */
const KEPT = 4_096;

export class Pending {
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  /** Less than this cannot be read: what the last attempt said. */
  #needed = 1;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies. */
  push(bytes: Uint8Array): void {
    const { length } = this;
    if (this.#end + bytes.length > this.#bytes.length) {
      const room = Math.max(256, length + bytes.length, length * 2);
      const grown = room <= this.#bytes.length && this.#start > 0 ? this.#bytes : new Uint8Array(room);
      grown.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = grown;
      this.#start = 0;
      this.#end = length;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** What `read` returns, and consumes what it read; undefined, and nothing consumed, if the bytes do not suffice. */
  take<T>(read: (reader: Reader) => T): T | undefined {
    if (this.length < this.#needed) return undefined;
    const reader = new Reader(this.#bytes, this.#start, this.#end);
    try {
      const value = read(reader);
      this.skip(reader.position - this.#start);
      return value;
    } catch (error) {
      if (!(error instanceof WireError) || error.missing === 0) throw error;
      this.#needed = this.length + error.missing;
      return undefined;
    }
  }

  /** Up to `count` bytes as they are; a view, valid until the next push. */
  takeBytes(count: number): Uint8Array {
    const view = this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + count));
    this.skip(view.length);
    return view;
  }

  skip(count: number): void {
    this.#start += count;
    this.#needed = 1;
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#bytes.length > KEPT) this.#bytes = new Uint8Array(0);
    }
  }
}
