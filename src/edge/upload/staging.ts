/**
 * Memory that content is copied into on its way to the storage, and that is used again once it is written. New memory for each
 * part would make V8 collect garbage all the time: it runs after every few tens of megabytes outside its heap.
 */

const SIZE = 512 * 1024;
/** Buffers that are kept for later, for all uploads. */
const MAX_SPARE = 8;
const spare: Uint8Array[] = [];

interface Stage {
  readonly bytes: Uint8Array;
  filled: number;
  written: number;
}

/** The memory of one upload: nothing while nothing waits to be written. */
export class Staging {
  #current: Stage | undefined;
  readonly #stages = new Map<ArrayBufferLike, Stage>();

  /** Room for more. What is used of it must be reported to `fill`. */
  room(): Uint8Array {
    let stage = this.#current;
    if (stage === undefined || stage.filled === SIZE) {
      stage = { bytes: spare.pop() ?? new Uint8Array(SIZE), filled: 0, written: 0 };
      this.#current = stage;
    }
    return stage.bytes.subarray(stage.filled);
  }

  /** A chunk that was read, and may be in the latest `room`. */
  fill(chunk: Uint8Array): void {
    const stage = this.#current;
    if (stage === undefined || chunk.buffer !== stage.bytes.buffer) return;
    stage.filled += chunk.byteLength;
    this.#stages.set(chunk.buffer, stage);
  }

  /** Chunks that were written. */
  release(chunks: readonly Uint8Array[]): void {
    for (const { buffer, byteLength } of chunks) {
      const stage = this.#stages.get(buffer);
      if (stage === undefined) continue;
      stage.written += byteLength;
      if (stage.written < stage.filled) continue;
      this.#stages.delete(buffer);
      if (this.#current === stage) this.#current = undefined;
      if (spare.length < MAX_SPARE) spare.push(stage.bytes);
    }
  }
}
