/** Instructions that wait for their stream: written one by one, taken all at once. */

import { MAX_INTEGER_LENGTH } from "./primitive-writer.ts";

const NOTHING = new Uint8Array(0);

export class InstructionBuffer {
  #bytes = NOTHING;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Makes room for `count` more bytes from `length` on; claim them with `advance`. */
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

  /** Returns everything written and clears the buffer; undefined if it is empty. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = NOTHING;
    this.#length = 0;
    return taken;
  }
}
