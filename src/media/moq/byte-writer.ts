/** Writes into bytes that grow. */

import type { VarInt } from "../../wire/varint.ts";
import type { Integers } from "./integers.ts";

export class ByteWriter {
  readonly #integers: Integers;
  #bytes = new Uint8Array(64);
  length = 0;

  constructor(integers: Integers) {
    this.#integers = integers;
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length] = value;
    this.length += 1;
  }

  uint16(value: number): void {
    this.uint8(value >>> 8);
    this.uint8(value & 0xff);
  }

  integer(value: VarInt): void {
    this.#integers.write(this, value);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Its length, and then the bytes. */
  prefixed(bytes: Uint8Array): void {
    this.integer(bytes.length);
    this.bytes(bytes);
  }

  /** What `write` writes, with its length before it. */
  measured(write: (inner: ByteWriter) => void): void {
    const inner = new ByteWriter(this.#integers);
    write(inner);
    this.prefixed(inner.finish());
  }

  /** A view, valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + count, this.#bytes.length * 2));
    grown.set(this.finish());
    this.#bytes = grown;
  }
}
