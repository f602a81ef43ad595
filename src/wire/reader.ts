/**
 * A cursor over bytes that it does not own. Copies only in `copy`. Throws a `WireError` for input it cannot read, which
 * the parser that knows the layer turns into that layer's error.
 */

import { WireError } from "../base/errors.ts";
import { type VarInt, wideInt } from "./varint.ts";

export class Reader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  #advance(count: number): number {
    const at = this.position;
    const left = this.end - at;
    if (count > left) throw new WireError(`needed ${count} bytes, ${left} left`, at, count - left);
    this.position = at + count;
    return at;
  }

  peek(): number | undefined {
    return this.position < this.end ? this.bytes[this.position] : undefined;
  }

  uint8(): number {
    return this.bytes[this.#advance(1)]!;
  }

  uint16(): number {
    const at = this.#advance(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  uint24(): number {
    const at = this.#advance(3);
    return (this.bytes[at]! << 16) | (this.bytes[at + 1]! << 8) | this.bytes[at + 2]!;
  }

  uint32(): number {
    const at = this.#advance(4);
    const b = this.bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /**
   * Reads a variable-length integer (RFC 9000 §16) used as a length, offset or limit: exact up to 2^53-1, above that
   * the nearest double, which still compares correctly with every limit. Use `varintExact` for identifiers and codes.
   */
  varint(): number {
    const b = this.bytes;
    const at = this.#advance(1);
    const first = b[at]!;
    if (first < 0x40) return first;
    if (first < 0x80) {
      this.#advance(1);
      return ((first & 0x3f) << 8) | b[at + 1]!;
    }
    if (first < 0xc0) {
      this.#advance(3);
      return ((first & 0x3f) << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
    }
    this.#advance(7);
    const high = ((first & 0x3f) << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!;
    const low = ((b[at + 4]! << 24) | (b[at + 5]! << 16) | (b[at + 6]! << 8) | b[at + 7]!) >>> 0;
    return high * 0x1_0000_0000 + low;
  }

  /** Reads a variable-length integer used as an identifier or code; keeps all 62 bits. */
  varintExact(): VarInt {
    const start = this.position;
    const value = this.varint();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    this.position = start;
    const high = this.uint32() & 0x3fff_ffff;
    return wideInt(high, this.uint32());
  }

  /** A view of the next `count` bytes, not a copy. */
  view(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.bytes.subarray(at, at + count);
  }

  /** A copy of the next `count` bytes, safe to keep. */
  copy(count: number): Uint8Array {
    const at = this.#advance(count);
    // Not `slice`: a Node Buffer's returns a view.
    return new Uint8Array(this.bytes.subarray(at, at + count));
  }

  /** A reader over the next `count` bytes alone. */
  sub(count: number): Reader {
    const at = this.#advance(count);
    return new Reader(this.bytes, at, at + count);
  }

  skip(count: number): void {
    this.#advance(count);
  }

  rest(): Uint8Array {
    return this.view(this.remaining);
  }
}
