/**
 * Reassembles pieces that arrive in any order, overlap and repeat: CRYPTO and STREAM data (RFC 9000 §2.2, §7.5).
 *
 * It never keeps a view of a datagram: a small view would keep the whole buffer alive. In-order data is copied into
 * blocks that grow with the stream and with the unread bytes, so a fast stream is read in long runs with few
 * allocations, and a small one takes no more memory than its bytes. Out-of-order data waits in chunks. Their number is
 * capped, because memory and search time depend on the number of gaps, not on the bytes that flow control counts.
 */

/** The largest block, and so the longest run that `read` returns. */
const LARGEST_BLOCK = 65_536;

/** The largest block allocated ahead for a stream without unread bytes. */
const LARGEST_IDLE_BLOCK = 16_384;

/** Shorter runs are returned as copies, so that a few retained bytes do not keep a block alive. */
const SHORTEST_VIEW = 1_024;

/** Adjacent chunks are merged up to this size; above it, copying would cost more than a list entry. */
const LARGEST_MERGE = 4_096;

/** Returned by `insert` if the piece would need one chunk too many. Its bytes are not kept. */
export const TOO_MANY_CHUNKS = -1;

/** The number of chunks that several reassemblers may still add between them. */
export interface ChunkBudget {
  remaining: number;
}

/** In-order bytes: bytes[start, end) are unread, the bytes from `end` on are free. */
interface Block {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
  /** True if a view of it was returned. */
  isShared: boolean;
  next: Block | undefined;
}

/** Out-of-order bytes: the first `length` of `bytes` belong at `offset`. */
interface Chunk {
  bytes: Uint8Array;
  offset: number;
  length: number;
}

/**
 * The largest blocks, unused, for streams whose bytes are copied out (`into`): allocating one for each 64 KiB makes V8 collect
 * garbage ten times for 256 MB. Other streams never see them, since a view of one would show what it held before.
 */
const SPARE_BLOCKS: Uint8Array[] = [];
const MAX_SPARE_BLOCKS = 128;

/** Shared by all that have none, which are most of them; never changed. */
const NO_CHUNKS: Chunk[] = [];

export class Reassembler {
  readonly #maxChunks: number;
  readonly #budget: ChunkBudget | undefined;
  #first: Block | undefined;
  #last: Block | undefined;
  /** Sorted by offset, disjoint, all after `#inOrderEnd`. */
  #chunks: Chunk[] = NO_CHUNKS;
  #readOffset = 0;
  #inOrderEnd = 0;
  #highest = 0;
  /** True once bytes were copied out. */
  #isCopiedOut = false;

  /** `maxChunks` limits this reassembler; `budget` is shared with others. */
  constructor(maxChunks: number, budget?: ChunkBudget) {
    this.#maxChunks = maxChunks;
    this.#budget = budget;
  }

  /** The number of bytes that `read` can return now. */
  get readable(): number {
    return this.#inOrderEnd - this.#readOffset;
  }

  /** The offset of the next byte that `read` returns. */
  get readOffset(): number {
    return this.#readOffset;
  }

  /** One past the highest offset seen. */
  get highest(): number {
    return this.#highest;
  }

  /** The number of separate pieces that wait for a gap to be filled. */
  get chunks(): number {
    return this.#chunks.length;
  }

  /**
   * Copies the new bytes of a piece; where pieces overlap, the first copy wins. Returns the number of new bytes, or
   * `TOO_MANY_CHUNKS`.
   */
  insert(offset: number, data: Uint8Array): number {
    const end = offset + data.length;
    if (end > this.#highest) this.#highest = end;
    if (end <= this.#inOrderEnd) return 0;
    return offset <= this.#inOrderEnd ? this.#deliver(offset, data) : this.#keep(offset, data);
  }

  /**
   * Returns the next run of in-order bytes, at most `max`; undefined if there are none. The caller may keep it. With `into`, copies
   * as many as fit and returns that part of it: memory that the caller uses again.
   */
  read(max: number = Number.POSITIVE_INFINITY, into?: Uint8Array): Uint8Array | undefined {
    if (this.readable === 0 || max <= 0) return undefined;
    if (into !== undefined) return this.#copyOut(Math.min(max, into.length, this.readable), into);
    // All bytes of this block may have been read before the next block was added.
    if (this.#first!.start === this.#first!.end) this.#dropFirst();
    const block = this.#first!;
    const { bytes, start } = block;
    const end = Math.min(block.end, start + max);
    block.start = end;
    if (end === bytes.length || (end === block.end && block.next !== undefined)) this.#dropFirst();
    this.#readOffset += end - start;
    const takesMost = (end - start) * 2 >= bytes.length;
    const isWorthView = end - start >= SHORTEST_VIEW && bytes.length <= LARGEST_IDLE_BLOCK;
    if (!takesMost && !isWorthView) return bytes.slice(start, end);
    block.isShared = true;
    return bytes.subarray(start, end);
  }

  #copyOut(count: number, into: Uint8Array): Uint8Array {
    this.#isCopiedOut = true;
    for (let at = 0; at < count; ) {
      const block = this.#first!;
      const part = Math.min(block.end - block.start, count - at);
      into.set(block.bytes.subarray(block.start, block.start + part), at);
      at += part;
      block.start += part;
      if (block.start === block.end) this.#release(block);
    }
    this.#readOffset += count;
    return into.subarray(0, count);
  }

  /** The first block is empty. */
  #release(block: Block): void {
    const { bytes, isShared } = block;
    if (block === this.#last && !isShared && bytes.length <= LARGEST_IDLE_BLOCK) {
      block.start = 0;
      block.end = 0;
      return;
    }
    this.#dropFirst();
    const isSpare = !isShared && bytes.length === LARGEST_BLOCK && bytes.buffer.byteLength === LARGEST_BLOCK;
    if (isSpare && SPARE_BLOCKS.length < MAX_SPARE_BLOCKS) SPARE_BLOCKS.push(bytes);
  }

  /** Discards all unread bytes. */
  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#dropChunks(0, this.#chunks.length);
    this.#readOffset = this.#inOrderEnd;
  }

  /** Appends a piece that begins at or before the in-order end, then the chunks that now follow without a gap. */
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
    this.#add(chunk.bytes, chunk.length);
    this.#inOrderEnd += chunk.length;
  }

  #append(source: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      let block = this.#last;
      if (block === undefined || block.end === block.bytes.length) {
        block = this.#add(this.#newBlock(to - at), 0);
      }
      const count = Math.min(to - at, block.bytes.length - block.end);
      block.bytes.set(count === source.length ? source : source.subarray(at, at + count), block.end);
      block.end += count;
      this.#inOrderEnd += count;
      at += count;
    }
  }

  #add(bytes: Uint8Array, end: number): Block {
    const block: Block = { bytes, start: 0, end, isShared: false, next: undefined };
    if (this.#last === undefined) this.#first = block;
    else this.#last.next = block;
    this.#last = block;
    return block;
  }

  #dropFirst(): void {
    this.#first = this.#first!.next;
    if (this.#first === undefined) this.#last = undefined;
  }

  #newBlock(wanted: number): Uint8Array {
    const size = this.#blockSize(wanted);
    const isRecycled = this.#isCopiedOut && size >= LARGEST_IDLE_BLOCK;
    return isRecycled ? (SPARE_BLOCKS.pop() ?? new Uint8Array(LARGEST_BLOCK)) : new Uint8Array(size);
  }

  /** Exact for the first piece; then as large as the stream so far, and larger if the reader lags. */
  #blockSize(wanted: number): number {
    const ready = Math.min(LARGEST_IDLE_BLOCK, this.#inOrderEnd);
    return Math.min(LARGEST_BLOCK, Math.max(wanted, ready, 2 * this.readable));
  }

  /** Stores the bytes of a piece after a gap that no chunk holds yet. */
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

  /**
   * Inserts non-overlapping bytes before chunk `index`: into an adjacent chunk if they touch one, else as a new chunk.
   */
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
    if (this.#chunks === NO_CHUNKS) this.#chunks = [];
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

/** Grows by doubling, so that each byte is copied a constant number of times on average. */
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
