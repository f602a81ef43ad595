/** Instructions that wait for their stream: written one after the other, taken all at once. */

import { MAX_INTEGER_LENGTH } from "./primitive-writer.ts";

export class InstructionBuffer {
  #bytes = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Room for `count` more bytes from `length` on, to be claimed with `advance`. */
  reserve(count: number): Uint8Array {
    const wanted = this.#length + count;
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(64, wanted * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }

  advance(to: number): void {
    this.#length = to;
  }

  /** Appends an instruction that is a single integer. */
  write(writer: (target: Uint8Array, at: number, value: number) => number, value: number): void {
    this.#length = writer(this.reserve(MAX_INTEGER_LENGTH), this.#length, value);
  }

  /** A copy of all that was written, which is then forgotten; undefined when there is nothing. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
