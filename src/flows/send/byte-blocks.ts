/** Bytes of a stream from the first that is not acknowledged to the last that was written, in blocks. */

const BLOCK = 65_536;

export class ByteBlocks {
  readonly #blocks: Uint8Array[] = [];
  /** The offset of the first block. */
  #base = 0;
  #end = 0;

  /** One past the last byte. */
  get end(): number {
    return this.#end;
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const within = (this.#end - this.#base) % BLOCK;
      if (within === 0 && this.#end - this.#base === this.#blocks.length * BLOCK)
        this.#blocks.push(new Uint8Array(BLOCK));
      const count = Math.min(BLOCK - within, bytes.length - at);
      this.#blocks.at(-1)!.set(bytes.subarray(at, at + count), within);
      at += count;
      this.#end += count;
    }
  }

  /** A view of at most [start, end): less at the end of a block. */
  view(start: number, end: number): Uint8Array {
    const block = Math.floor((start - this.#base) / BLOCK);
    const from = start - this.#base - block * BLOCK;
    return this.#blocks[block]!.subarray(from, Math.min(BLOCK, from + end - start));
  }

  /** Nothing before `offset` is needed any more. */
  release(offset: number): void {
    while (this.#blocks.length > 0 && this.#base + BLOCK <= offset) {
      this.#blocks.shift();
      this.#base += BLOCK;
    }
  }
}
