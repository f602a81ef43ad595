/** Jump consistent hash (Lamping and Veach, 2014): maps a 64-bit hash to one of `buckets` with minimal movement. */

import type { Hash64 } from "./xxh3.ts";

const MULTIPLIER_HIGH = 0x27bb2ee6;
const MULTIPLIER_LOW = 0x87b0b0fd;
const TWO_31 = 0x8000_0000;
const TWO_16 = 0x1_0000;

/** Returns an index below `buckets`, which is at least 1. */
export function jumpHash(hash: Hash64, buckets: number): number {
  let { high, low } = hash;
  let bucket = -1;
  let next = 0;
  while (next < buckets) {
    bucket = next;
    // hash = hash × 2862933555777941757 + 1, modulo 2^64
    const carry = Math.floor(
      (low * (MULTIPLIER_LOW >>> 16) + Math.floor((low * (MULTIPLIER_LOW & 0xffff)) / TWO_16)) / TWO_16,
    );
    high = (carry + Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH)) >>> 0;
    low = (Math.imul(low, MULTIPLIER_LOW) + 1) >>> 0;
    if (low === 0) high = (high + 1) >>> 0;
    next = Math.floor((bucket + 1) * (TWO_31 / ((high >>> 1) + 1)));
  }
  return bucket;
}
