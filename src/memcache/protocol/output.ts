/**
 * Bytes on their way out. Small pieces are collected in a block, so that a burst of them leaves in one write; large ones
 * are passed on without a copy.
 */

const BLOCK = 64 * 1024;
const LARGE = 8 * 1024;

export class Output {
  #chunks: Uint8Array[] = [];
  #block = new Uint8Array(0);
  /** The part of the block that has not been taken yet. */
  #start = 0;
  #end = 0;
  #length = 0;

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.#length;
  }

  /** Appends `bytes[start..end)`. A large range must not change until it is sent. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#length += length;
    if (length >= LARGE) {
      this.#cut();
      this.#chunks.push(bytes.subarray(start, end));
      return;
    }
    if (this.#block.length - this.#end < length) this.#grow();
    const block = this.#block;
    if (length < 64) {
      let to = this.#end;
      for (let i = start; i < end; i += 1, to += 1) block[to] = bytes[i]!;
    } else block.set(bytes.subarray(start, end), this.#end);
    this.#end += length;
  }

  /** Overwrites a byte that was appended last: `back` is 1 for the last one. */
  patch(back: number, byte: number): void {
    this.#block[this.#end - back] = byte;
  }

  /** Returns and forgets all bytes. */
  take(): Uint8Array[] {
    this.#cut();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#length = 0;
    return chunks;
  }

  clear(): void {
    this.take();
  }

  #cut(): void {
    if (this.#end > this.#start) this.#chunks.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  /** Starts small, because most connections say little. */
  #grow(): void {
    this.#cut();
    this.#block = new Uint8Array(this.#block.length === 0 ? LARGE : BLOCK);
    this.#start = 0;
    this.#end = 0;
  }
}
