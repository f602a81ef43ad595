/** Buffers for reading files, reused once the transport has released them. */

/** The size of reads from the disk in a long transfer: fewer, larger ones cost less per byte. */
export const LARGE_CHUNK = 256 * 1024;
/**
 * The size of reads from the page cache, and of the first ones, so that a thousand concurrent small or slow transfers
 * need little memory.
 */
export const SMALL_CHUNK = 64 * 1024;

/** The maximum number of bytes in free buffers per size: what one connection has in flight at most. */
const MAX_FREE_BYTES = 8 * 1024 * 1024;

const free = new Map<number, ArrayBufferLike[]>([
  [SMALL_CHUNK, []],
  [LARGE_CHUNK, []],
]);

/** Bytes of buffers allocated so far, and the number of buffers now in use by a read or a transport. */
export const chunkCounts = { bytesAllocated: 0, inUse: 0 };

export function takeChunk(size: typeof SMALL_CHUNK | typeof LARGE_CHUNK): Uint8Array {
  chunkCounts.inUse += 1;
  const buffer = free.get(size)?.pop();
  if (buffer !== undefined) return new Uint8Array(buffer);
  chunkCounts.bytesAllocated += size;
  return Buffer.allocUnsafeSlow(size);
}

/** Returns a buffer, or the written part of it, to the pool. */
export function releaseChunk(chunk: Uint8Array): void {
  chunkCounts.inUse -= 1;
  const size = chunk.buffer.byteLength;
  const buffers = free.get(size);
  if (buffers !== undefined && buffers.length * size < MAX_FREE_BYTES) buffers.push(chunk.buffer);
}
