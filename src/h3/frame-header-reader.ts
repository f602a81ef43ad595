/** Reads frame headers, type and length (RFC 9114 §7.1), from a stream that may be split anywhere. */

import { VarintReader } from "../wire/varint-reader.ts";

export class FrameHeaderReader {
  readonly #varint = new VarintReader();
  #hasType = false;
  type = 0;
  length = 0;
  /** True if `type` and `length` are complete. */
  done = false;

  /** True if a header is incomplete. */
  get isPartial(): boolean {
    return this.#hasType || this.#varint.isPartial;
  }

  /** Continues at `at`, which must be inside the bytes, and returns the position after the consumed bytes. */
  read(bytes: Uint8Array, at: number): number {
    const varint = this.#varint;
    let position = at;
    this.done = false;
    if (!this.#hasType) {
      position = varint.read(bytes, position);
      if (!varint.done) return position;
      this.type = varint.value;
      this.#hasType = true;
      if (position === bytes.length) return position;
    }
    position = varint.read(bytes, position);
    if (varint.done) {
      this.length = varint.value;
      this.#hasType = false;
      this.done = true;
    }
    return position;
  }
}
