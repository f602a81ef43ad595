/** Buffers for reading files, used again when the transport has let go of them. */

/** What one read of a long transfer takes: fewer, larger reads cost less for each byte. */
export const LARGE_CHUNK = 256 * 1024;
/** What the first reads take, so that a thousand small or slow transfers at once need little. */
export const SMALL_CHUNK = 64 * 1024;

/** How many unused buffers of a size are kept: 2 and 8 MiB. */
const MAX_KEPT = 32;

const kept = new Map<number, ArrayBufferLike[]>([
  [SMALL_CHUNK, []],
  [LARGE_CHUNK, []],
]);

/** How many bytes of buffers have been made so far, and how many buffers are with a read or a transport now. */
export const chunkCounts = { bytesMade: 0, taken: 0 };

export function takeChunk(size: typeof SMALL_CHUNK | typeof LARGE_CHUNK): Uint8Array {
  chunkCounts.taken += 1;
  const buffer = kept.get(size)?.pop();
  if (buffer !== undefined) return new Uint8Array(buffer);
  chunkCounts.bytesMade += size;
  return Buffer.allocUnsafeSlow(size);
}

/** Takes back a buffer, or the part of it that was written. */
export function releaseChunk(chunk: Uint8Array): void {
  chunkCounts.taken -= 1;
  const buffers = kept.get(chunk.buffer.byteLength);
  if (buffers !== undefined && buffers.length < MAX_KEPT) buffers.push(chunk.buffer);
}
