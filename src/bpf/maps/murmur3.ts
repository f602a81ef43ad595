/** MurmurHash3 for 32 bits: seeded, and the same few multiplications in TypeScript and in WebAssembly. */

export const MURMUR = {
  c1: 0xcc9e2d51 | 0,
  c2: 0x1b873593,
  step: 0xe6546b64 | 0,
  f1: 0x85ebca6b | 0,
  f2: 0xc2b2ae35 | 0,
};

/** The hash, as a signed word, of bytes in memory. */
export function murmur3(view: DataView, address: number, length: number, seed: number): number {
  let hash = seed | 0;
  const words = length & ~3;
  for (let i = 0; i < words; i += 4) {
    hash ^= scramble(view.getInt32(address + i, true));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + MURMUR.step) | 0;
  }
  let tail = 0;
  for (let i = length - 1; i >= words; i -= 1) tail = (tail << 8) | view.getUint8(address + i);
  if (words !== length) hash ^= scramble(tail);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), MURMUR.f1);
  hash = Math.imul(hash ^ (hash >>> 13), MURMUR.f2);
  return hash ^ (hash >>> 16);
}

function scramble(word: number): number {
  const mixed = Math.imul(word, MURMUR.c1);
  return Math.imul((mixed << 15) | (mixed >>> 17), MURMUR.c2);
}
