/**
 * In-order bytes from pieces that come in any order, overlap and repeat: CRYPTO and STREAM data (RFC 9000 §2.2, §7.5).
 *
 * Nothing here ever keeps a view of a datagram: a small view would hold its whole buffer alive. In-order data is copied
 * into blocks that grow with the stream and with what lies unread, so that a fast stream is read in long runs and costs
 * few allocations, while a small one takes no more memory than its bytes. What comes out of order waits in chunks; how many there may be is capped, because memory and
 * search time follow the number of gaps and not the number of bytes that flow control counts.
 */

/** The most one block holds, and so the longest run that `read` gives. */
const LARGEST_BLOCK = 65_536;

/** The most that is kept ready for a stream of which nothing lies unread. */
const LARGEST_IDLE_BLOCK = 16_384;

/** Shorter runs are given as copies, so that a few kept bytes do not hold a block alive. */
const SHORTEST_VIEW = 1_024;

/** Chunks are copied together up to this size; beyond it, copying would cost more than one entry of the list. */
const LARGEST_MERGE = 4_096;

/** What `insert` returns when the piece would make one chunk too many. The bytes were not kept. */
export const TOO_MANY_CHUNKS = -1;

/** How many chunks several reassemblers may still hold between them. */
export interface ChunkBudget {
  remaining: number;
}

/** In-order bytes: bytes[start, end) are unread, what follows `end` is free. */
interface Block {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

/** Out-of-order bytes: the first `length` of `bytes` belong at `offset`. */
interface Chunk {
  bytes: Uint8Array;
  offset: number;
  length: number;
}

export class Reassembler {
  readonly #maxChunks: number;
  readonly #budget: ChunkBudget | undefined;
  readonly #blocks: Block[] = [];
  /** Sorted by offset, disjoint, all beyond `#inOrderEnd`. */
  readonly #chunks: Chunk[] = [];
  #readOffset = 0;
  #inOrderEnd = 0;
  #highest = 0;

  /** `maxChunks` is for this one alone; `budget` is shared with others. */
  constructor(maxChunks: number, budget?: ChunkBudget) {
    this.#maxChunks = maxChunks;
    this.#budget = budget;
  }

  /** How many bytes `read` can give now. */
  get readable(): number {
    return this.#inOrderEnd - this.#readOffset;
  }

  /** The offset of the next byte that `read` gives. */
  get readOffset(): number {
    return this.#readOffset;
  }

  /** One past the highest offset that has been seen. */
  get highest(): number {
    return this.#highest;
  }

  /** How many separate pieces wait for a gap before them to be filled. */
  get chunks(): number {
    return this.#chunks.length;
  }

  /**
   * Copies in what is new of a piece; where pieces overlap the first copy wins. Returns how many bytes were new, or
   * `TOO_MANY_CHUNKS`.
   */
  insert(offset: number, data: Uint8Array): number {
    const end = offset + data.length;
    if (end > this.#highest) this.#highest = end;
    if (end <= this.#inOrderEnd) return 0;
    return offset <= this.#inOrderEnd ? this.#deliver(offset, data) : this.#keep(offset, data);
  }

  /** The next run of in-order bytes, at most `max` of them; undefined when there are none. The caller may keep it. */
  read(max: number = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    if (this.readable === 0 || max <= 0) return undefined;
    let block = this.#blocks[0]!;
    // All unread bytes were taken before more came behind this block.
    if (block.start === block.end) {
      this.#blocks.shift();
      block = this.#blocks[0]!;
    }
    const { bytes, start } = block;
    const end = Math.min(block.end, start + max);
    block.start = end;
    if (end === bytes.length || (end === block.end && this.#blocks.length > 1)) this.#blocks.shift();
    this.#readOffset += end - start;
    const takesMost = (end - start) * 2 >= bytes.length;
    const isWorthView = end - start >= SHORTEST_VIEW && bytes.length <= LARGEST_IDLE_BLOCK;
    return takesMost || isWorthView ? bytes.subarray(start, end) : bytes.slice(start, end);
  }

  /** Forgets all bytes that have not been read. */
  clear(): void {
    this.#blocks.length = 0;
    this.#dropChunks(0, this.#chunks.length);
    this.#readOffset = this.#inOrderEnd;
  }

  /** A piece that begins at or before the in-order end, and the chunks that now follow it without a gap. */
  #deliver(offset: number, data: Uint8Array): number {
    const end = offset + data.length;
    const chunks = this.#chunks;
    let fresh = 0;
    let joined = 0;
    while (true) {
      const chunk = chunks[joined];
      const stop = chunk === undefined || chunk.offset > end ? end : chunk.offset;
      if (stop > this.#inOrderEnd) {
        fresh += stop - this.#inOrderEnd;
        this.#append(data, this.#inOrderEnd - offset, stop - offset);
      }
      if (chunk === undefined || chunk.offset > this.#inOrderEnd) break;
      this.#join(chunk);
      joined += 1;
    }
    if (joined > 0) this.#dropChunks(0, joined);
    return fresh;
  }

  #join(chunk: Chunk): void {
    if (chunk.length * 2 < LARGEST_BLOCK) {
      this.#append(chunk.bytes, 0, chunk.length);
      return;
    }
    this.#blocks.push({ bytes: chunk.bytes, start: 0, end: chunk.length });
    this.#inOrderEnd += chunk.length;
  }

  #append(source: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      let block = this.#blocks.at(-1);
      if (block === undefined || block.end === block.bytes.length) {
        block = { bytes: new Uint8Array(this.#blockSize(to - at)), start: 0, end: 0 };
        this.#blocks.push(block);
      }
      const count = Math.min(to - at, block.bytes.length - block.end);
      block.bytes.set(count === source.length ? source : source.subarray(at, at + count), block.end);
      block.end += count;
      this.#inOrderEnd += count;
      at += count;
    }
  }

  /** Exact for the first piece; then as much as the stream has brought before, and more when the reader is behind. */
  #blockSize(wanted: number): number {
    const ready = Math.min(LARGEST_IDLE_BLOCK, this.#inOrderEnd);
    return Math.min(LARGEST_BLOCK, Math.max(wanted, ready, 2 * this.readable));
  }

  /** A piece beyond a gap: what of it no chunk holds yet. */
  #keep(offset: number, data: Uint8Array): number {
    const end = offset + data.length;
    const chunks = this.#chunks;
    let index = this.#firstEndingAfter(offset);
    let at = offset;
    let fresh = 0;
    while (at < end) {
      const chunk = chunks[index];
      if (chunk !== undefined && chunk.offset <= at) {
        at = chunk.offset + chunk.length;
        index += 1;
        continue;
      }
      const stop = chunk === undefined || chunk.offset > end ? end : chunk.offset;
      const before = chunks.length;
      if (!this.#insertChunk(index, at, data.subarray(at - offset, stop - offset))) return TOO_MANY_CHUNKS;
      index += chunks.length - before;
      fresh += stop - at;
      at = stop;
    }
    return fresh;
  }

  /** Puts bytes that overlap nothing before chunk `index`: into a neighbour when they touch it, else as a chunk. */
  #insertChunk(index: number, offset: number, data: Uint8Array): boolean {
    const previous = this.#chunks[index - 1];
    const next = this.#chunks[index];
    if (
      previous !== undefined &&
      previous.offset + previous.length === offset &&
      previous.length + data.length <= LARGEST_BLOCK
    ) {
      appendToChunk(previous, data);
      if (next?.offset === offset + data.length && previous.length + next.length <= LARGEST_MERGE) {
        appendToChunk(previous, next.bytes.subarray(0, next.length));
        this.#dropChunks(index, 1);
      }
      return true;
    }
    if (next?.offset === offset + data.length && data.length + next.length <= LARGEST_MERGE) {
      const bytes = new Uint8Array(data.length + next.length);
      bytes.set(data);
      bytes.set(next.bytes.subarray(0, next.length), data.length);
      next.bytes = bytes;
      next.offset = offset;
      next.length = bytes.length;
      return true;
    }
    if (this.#chunks.length >= this.#maxChunks) return false;
    if (this.#budget !== undefined) {
      if (this.#budget.remaining <= 0) return false;
      this.#budget.remaining -= 1;
    }
    this.#chunks.splice(index, 0, { bytes: new Uint8Array(data), offset, length: data.length });
    return true;
  }

  #dropChunks(index: number, count: number): void {
    this.#chunks.splice(index, count);
    if (this.#budget !== undefined) this.#budget.remaining += count;
  }

  /** The index of the first chunk whose end is > offset. */
  #firstEndingAfter(offset: number): number {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length;
    const last = chunks[high - 1];
    // Most pieces continue the last chunk.
    if (last === undefined || last.offset + last.length <= offset) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const chunk = chunks[middle]!;
      if (chunk.offset + chunk.length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Grows by doubling, so that many small pieces are copied a constant number of times each. */
function appendToChunk(chunk: Chunk, data: Uint8Array): void {
  const length = chunk.length + data.length;
  if (length > chunk.bytes.length) {
    const bytes = new Uint8Array(Math.min(LARGEST_BLOCK, Math.max(length, 2 * chunk.bytes.length)));
    bytes.set(chunk.bytes.subarray(0, chunk.length));
    chunk.bytes = bytes;
  }
  chunk.bytes.set(data, chunk.length);
  chunk.length = length;
}
