/** Reads variable-length integers from a stream whose bytes may be cut anywhere. */

import { Reader } from "../wire/reader.ts";
import type { VarInt } from "../wire/varint.ts";

export class VarintReader {
  readonly #partial = new Uint8Array(8);
  #have = 0;
  /** The integer, once `read` said so; above 2^53 the nearest double. */
  value = 0;

  /** Whether an integer has been begun. */
  get isPartial(): boolean {
    return this.#have > 0;
  }

  /** The integer with all of its 62 bits, until the next one is begun. */
  get exact(): VarInt {
    return this.value <= Number.MAX_SAFE_INTEGER ? this.value : new Reader(this.#partial).varintExact();
  }

  /** Reads on at `at` and gives the position behind what it took; `done` tells whether the integer is complete. */
  read(bytes: Uint8Array, at: number): number {
    const first = this.#have > 0 ? this.#partial[0]! : bytes[at]!;
    const length = 1 << (first >>> 6);
    if (this.#have === 0 && length === 1) {
      this.value = first;
      this.done = true;
      return at + 1;
    }
    const taken = Math.min(length - this.#have, bytes.length - at);
    for (let i = 0; i < taken; i += 1) this.#partial[this.#have + i] = bytes[at + i]!;
    this.#have += taken;
    this.done = this.#have === length;
    if (this.done) {
      this.#have = 0;
      this.value = new Reader(this.#partial, 0, length).varint();
    }
    return at + taken;
  }

  done = false;
}
