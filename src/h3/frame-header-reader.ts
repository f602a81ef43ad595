/** Reads frame headers, type and length (RFC 9114 §7.1), from a stream whose bytes may be cut anywhere. */

import { VarintReader } from "./varint-reader.ts";

export class FrameHeaderReader {
  readonly #varint = new VarintReader();
  #hasType = false;
  type = 0;
  length = 0;
  /** Whether `type` and `length` are those of a frame. */
  done = false;

  /** Whether a header has been begun and not ended. */
  get isPartial(): boolean {
    return this.#hasType || this.#varint.isPartial;
  }

  /** Reads on at `at`, which must be inside the bytes, and gives the position behind what it took. */
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
