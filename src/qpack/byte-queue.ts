/**
 * Stream bytes that are not yet readable because the rest of an instruction or frame has not arrived. Growth is
 * amortized, so that a peer who sends single bytes costs no more than any other.
 */

const NOTHING = new Uint8Array(0);

export class ByteQueue {
  #buffer = NOTHING;
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** The waiting bytes: a view that the next `append` may overwrite. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Adds bytes at the end. */
  append(bytes: Uint8Array): void {
    const length = this.length;
    const wanted = length + bytes.length;
    if (this.#end + bytes.length > this.#buffer.length) {
      const target = wanted * 2 > this.#buffer.length ? new Uint8Array(Math.max(64, wanted * 2)) : this.#buffer;
      target.set(this.bytes);
      this.#buffer = target;
      this.#start = 0;
      this.#end = length;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Drops the first `count` bytes. */
  consume(count: number): void {
    this.#start += count;
    if (this.#start < this.#end) return;
    this.#start = this.#end = 0;
    this.#buffer = NOTHING;
  }
}
