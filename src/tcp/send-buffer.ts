/** The bytes that the application wrote and the peer has not acknowledged, by position. Keeps views, copies nothing. */

interface Chunk {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export class SendBuffer {
  readonly #chunks: Chunk[] = [];
  #start = 1;
  #end = 1;

  /** The first byte is at `start`, the last before `end`. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push({ start: this.#end, bytes });
    this.#end += bytes.length;
  }

  /** Forgets the bytes before a position. */
  release(until: number): void {
    if (until <= this.#start) return;
    this.#start = Math.min(until, this.#end);
    let gone = 0;
    for (const { start, bytes } of this.#chunks) {
      if (start + bytes.length > this.#start) break;
      gone += 1;
    }
    if (gone > 0) this.#chunks.splice(0, gone);
  }

  /** Copies the bytes from one position to another into `target`. */
  copy(from: number, to: number, target: Uint8Array, at: number): void {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (chunks[middle]!.start <= from) low = middle;
      else high = middle - 1;
    }
    let out = at;
    for (let position = from; position < to; low += 1) {
      const { start, bytes } = chunks[low]!;
      const count = Math.min(to - position, start + bytes.length - position);
      const offset = position - start;
      target.set(offset === 0 && count === bytes.length ? bytes : bytes.subarray(offset, offset + count), out);
      out += count;
      position += count;
    }
  }
}
