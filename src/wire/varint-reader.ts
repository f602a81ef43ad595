/** Reads variable-length integers from a stream that may be split anywhere. */

import { Reader } from "./reader.ts";
import type { VarInt } from "./varint.ts";

const NOTHING = new Uint8Array(0);

export class VarintReader {
  /** Made when the first integer of more than one byte arrives. */
  #partial: Uint8Array = NOTHING;
  #have = 0;
  /** The integer once `done` is true; above 2^53, the nearest double. */
  value = 0;

  /** True if an integer is incomplete. */
  get isPartial(): boolean {
    return this.#have > 0;
  }

  /** The integer with all 62 bits, valid until the next one begins. */
  get exact(): VarInt {
    return this.value <= Number.MAX_SAFE_INTEGER ? this.value : new Reader(this.#partial).varintExact();
  }

  /** Continues at `at` and returns the position after the consumed bytes. `done` is true if the integer is complete. */
  read(bytes: Uint8Array, at: number): number {
    const first = this.#have > 0 ? this.#partial[0]! : bytes[at]!;
    const length = 1 << (first >>> 6);
    if (this.#have === 0 && length === 1) {
      this.value = first;
      this.done = true;
      return at + 1;
    }
    if (this.#partial === NOTHING) this.#partial = new Uint8Array(8);
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
