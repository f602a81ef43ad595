/**
 * A cursor that writes into bytes it does not own. Writing past the end is a bug of the caller, not an error of the
 * peer.
 */

import { type VarInt, varintLength } from "./varint.ts";

export class Writer {
  readonly bytes: Uint8Array;
  position: number;
  /** Nothing is written at or after this. A packet builder lowers it to leave room for a tag. */
  end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  #advance(count: number): number {
    const at = this.position;
    if (at + count > this.end) throw new RangeError(`${count} bytes to write, room for ${this.end - at}`);
    this.position = at + count;
    return at;
  }

  uint8(value: number): void {
    this.bytes[this.#advance(1)] = value;
  }

  uint16(value: number): void {
    const at = this.#advance(2);
    this.bytes[at] = value >>> 8;
    this.bytes[at + 1] = value;
  }

  uint24(value: number): void {
    const at = this.#advance(3);
    this.bytes[at] = value >>> 16;
    this.bytes[at + 1] = value >>> 8;
    this.bytes[at + 2] = value;
  }

  uint32(value: number): void {
    const at = this.#advance(4);
    this.bytes[at] = value >>> 24;
    this.bytes[at + 1] = value >>> 16;
    this.bytes[at + 2] = value >>> 8;
    this.bytes[at + 3] = value;
  }

  /** Writes a variable-length integer in its shortest form, or in `length` bytes if that space was reserved. */
  varint(value: VarInt, length: 1 | 2 | 4 | 8 = varintLength(value)): void {
    if (typeof value === "object") {
      this.uint32((value.high | 0xc000_0000) >>> 0);
      this.uint32(value.low);
      return;
    }
    switch (length) {
      case 1:
        this.uint8(value);
        break;
      case 2:
        this.uint16(value | 0x4000);
        break;
      case 4:
        this.uint32((value | 0x8000_0000) >>> 0);
        break;
      case 8:
        this.uint32((Math.floor(value / 0x1_0000_0000) | 0xc000_0000) >>> 0);
        this.uint32(value % 0x1_0000_0000);
        break;
    }
  }

  write(source: Uint8Array): void {
    this.bytes.set(source, this.#advance(source.length));
  }

  /** Writes each character as a byte. */
  latin1(text: string): void {
    const at = this.#advance(text.length);
    for (let i = 0; i < text.length; i += 1) this.bytes[at + i] = text.charCodeAt(i);
  }

  fill(value: number, count: number): void {
    const at = this.#advance(count);
    this.bytes.fill(value, at, at + count);
  }

  /** A view of what has been written from `start` on. */
  written(start = 0): Uint8Array {
    return this.bytes.subarray(start, this.position);
  }
}
