/**
 * XXH3, the 64-bit variant with a seed (xxHash specification 0.2.0, "XXH3 Algorithm"). Keys of up to 240 bytes take the
 * paths in 32-bit arithmetic; longer input (only seeds and the longest keys) uses bigint.
 */

import { fromHex } from "../../wire/hex.ts";

/** A 64-bit hash in two halves. */
export interface Hash64 {
  low: number;
  high: number;
}

/** The default secret of the specification. */
const SECRET = fromHex(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb" +
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
);
const SECRET_VIEW = new DataView(SECRET.buffer);
const WORD = new Uint32Array(SECRET.length / 4);
for (let i = 0; i < WORD.length; i += 1) WORD[i] = SECRET_VIEW.getUint32(i * 4, true);

const MX1_HIGH = 0x16566791;
const MX1_LOW = 0x9e3779f9;
const MX2_HIGH = 0x9fb21c65;
const MX2_LOW = 0x1e98df25;
const P1_HIGH = 0x9e3779b1;
const P1_LOW = 0x85ebca87;
const P2_HIGH = 0xc2b2ae3d;
const P2_LOW = 0x27d4eb4f;
const P3_HIGH = 0x165667b1;
const P3_LOW = 0x9e3779f9;
const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;

/** The result of the last arithmetic function: returning two numbers would allocate an object. */
let high = 0;
let low = 0;

/** The upper 32 bits of a 32 × 32 bit product. Every intermediate stays below 2^53. */
const multiplyHigh = (a: number, b: number): number =>
  Math.floor((a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / TWO_16)) / TWO_16);

/** a × b modulo 2^64. */
function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  high = (multiplyHigh(aLow, bLow) + Math.imul(aHigh, bLow) + Math.imul(aLow, bHigh)) >>> 0;
  low = Math.imul(aLow, bLow) >>> 0;
}

/** The halves of the 128-bit product, combined by exclusive or. */
function multiplyFold(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const low0 = Math.imul(aLow, bLow) >>> 0;
  const middle = multiplyHigh(aLow, bLow) + (Math.imul(aLow, bHigh) >>> 0) + (Math.imul(aHigh, bLow) >>> 0);
  const upper =
    (Math.imul(aHigh, bHigh) >>> 0) +
    multiplyHigh(aLow, bHigh) +
    multiplyHigh(aHigh, bLow) +
    Math.floor(middle / TWO_32);
  const top = multiplyHigh(aHigh, bHigh) + Math.floor(upper / TWO_32);
  low = (low0 ^ upper) >>> 0;
  high = (middle ^ top) >>> 0;
}

function add(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const sum = aLow + bLow;
  low = sum >>> 0;
  high = (aHigh + bHigh + (sum >= TWO_32 ? 1 : 0)) >>> 0;
}

function subtract(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  high = (aHigh - bHigh - (aLow < bLow ? 1 : 0)) >>> 0;
  low = (aLow - bLow) >>> 0;
}

/** XXH3_avalanche of the last result. */
function avalanche(): void {
  low = (low ^ (high >>> 5)) >>> 0; // h ^= h >> 37
  multiply(high, low, MX1_HIGH, MX1_LOW);
  low = (low ^ high) >>> 0; // h ^= h >> 32
}

/** XXH64_avalanche of the last result. */
function avalanche64(): void {
  low = (low ^ (high >>> 1)) >>> 0; // h ^= h >> 33
  multiply(high, low, P2_HIGH, P2_LOW);
  low = (low ^ ((low >>> 29) | (high << 3))) >>> 0; // h ^= h >> 29
  high = (high ^ (high >>> 29)) >>> 0;
  multiply(high, low, P3_HIGH, P3_LOW);
  low = (low ^ high) >>> 0;
}

const read32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

const swap32 = (x: number): number => ((x << 24) | ((x << 8) & 0xff0000) | ((x >>> 8) & 0xff00) | (x >>> 24)) >>> 0;

/** Two 32-bit words of the secret at a byte offset that may be odd. */
const secret32 = (at: number): number => (at % 4 === 0 ? WORD[at >> 2]! : SECRET_VIEW.getUint32(at, true));

/** Hashes `bytes[start..end)` into `result`. */
export function xxh3(
  bytes: Uint8Array,
  start: number,
  end: number,
  seedHigh: number,
  seedLow: number,
  result: Hash64,
): void {
  const length = end - start;
  if (length <= 3) hashTo3(bytes, start, length, seedHigh, seedLow);
  else if (length <= 8) hash4To8(bytes, start, length, seedHigh, seedLow);
  else if (length <= 16) hash9To16(bytes, start, length, seedHigh, seedLow);
  else if (length <= 128) hash17To128(bytes, start, length, seedHigh, seedLow);
  else if (length <= 240) hash129To240(bytes, start, length, seedHigh, seedLow);
  else hashLong(bytes.subarray(start, end), seedHigh, seedLow);
  result.low = low;
  result.high = high;
}

function hashTo3(bytes: Uint8Array, start: number, length: number, seedHigh: number, seedLow: number): void {
  if (length === 0) {
    low = (seedLow ^ WORD[14]! ^ WORD[16]!) >>> 0;
    high = (seedHigh ^ WORD[15]! ^ WORD[17]!) >>> 0;
  } else {
    const combined =
      ((bytes[start]! << 16) | (bytes[start + (length >> 1)]! << 24) | bytes[start + length - 1]! | (length << 8)) >>>
      0;
    add(0, (WORD[0]! ^ WORD[1]!) >>> 0, seedHigh, seedLow);
    low = (low ^ combined) >>> 0;
  }
  avalanche64();
}

function hash4To8(bytes: Uint8Array, start: number, length: number, seedHigh: number, seedLow: number): void {
  subtract((WORD[3]! ^ WORD[5]!) >>> 0, (WORD[2]! ^ WORD[4]!) >>> 0, (seedHigh ^ swap32(seedLow)) >>> 0, seedLow);
  const keyedLow = (low ^ read32(bytes, start + length - 4)) >>> 0;
  const keyedHigh = (high ^ read32(bytes, start)) >>> 0;
  // h ^= rotl(h, 49) ^ rotl(h, 24)
  const rot49High = ((keyedLow << 17) | (keyedHigh >>> 15)) >>> 0;
  const rot49Low = ((keyedHigh << 17) | (keyedLow >>> 15)) >>> 0;
  const rot24High = ((keyedHigh << 24) | (keyedLow >>> 8)) >>> 0;
  const rot24Low = ((keyedLow << 24) | (keyedHigh >>> 8)) >>> 0;
  multiply((keyedHigh ^ rot49High ^ rot24High) >>> 0, (keyedLow ^ rot49Low ^ rot24Low) >>> 0, MX2_HIGH, MX2_LOW);
  // h ^= (h >> 35) + length
  low = (low ^ ((high >>> 3) + length)) >>> 0;
  multiply(high, low, MX2_HIGH, MX2_LOW);
  low = (low ^ ((low >>> 28) | (high << 4))) >>> 0; // h ^= h >> 28
  high = (high ^ (high >>> 28)) >>> 0;
}

function hash9To16(bytes: Uint8Array, start: number, length: number, seedHigh: number, seedLow: number): void {
  add((WORD[7]! ^ WORD[9]!) >>> 0, (WORD[6]! ^ WORD[8]!) >>> 0, seedHigh, seedLow);
  const firstLow = (low ^ read32(bytes, start)) >>> 0;
  const firstHigh = (high ^ read32(bytes, start + 4)) >>> 0;
  subtract((WORD[11]! ^ WORD[13]!) >>> 0, (WORD[10]! ^ WORD[12]!) >>> 0, seedHigh, seedLow);
  const lastLow = (low ^ read32(bytes, start + length - 8)) >>> 0;
  const lastHigh = (high ^ read32(bytes, start + length - 4)) >>> 0;
  multiplyFold(firstHigh, firstLow, lastHigh, lastLow);
  add(high, low, 0, length);
  add(high, low, swap32(firstLow), swap32(firstHigh));
  add(high, low, lastHigh, lastLow);
  avalanche();
}

/** Mixes 16 bytes with 16 bytes of the secret; leaves the product as the last result. */
function mix16(bytes: Uint8Array, at: number, secret: number, seedHigh: number, seedLow: number): void {
  add(secret32(secret + 4), secret32(secret), seedHigh, seedLow);
  const aLow = (low ^ read32(bytes, at)) >>> 0;
  const aHigh = (high ^ read32(bytes, at + 4)) >>> 0;
  subtract(secret32(secret + 12), secret32(secret + 8), seedHigh, seedLow);
  const bLow = (low ^ read32(bytes, at + 8)) >>> 0;
  const bHigh = (high ^ read32(bytes, at + 12)) >>> 0;
  multiplyFold(aHigh, aLow, bHigh, bLow);
}

function hash17To128(bytes: Uint8Array, start: number, length: number, seedHigh: number, seedLow: number): void {
  const end = start + length;
  multiply(0, length, P1_HIGH, P1_LOW);
  let sumHigh = high;
  let sumLow = low;
  for (let i = (length - 1) >> 5; i >= 0; i -= 1) {
    mix16(bytes, start + 16 * i, 32 * i, seedHigh, seedLow);
    add(high, low, sumHigh, sumLow);
    sumHigh = high;
    sumLow = low;
    mix16(bytes, end - 16 * (i + 1), 32 * i + 16, seedHigh, seedLow);
    add(high, low, sumHigh, sumLow);
    sumHigh = high;
    sumLow = low;
  }
  avalanche();
}

function hash129To240(bytes: Uint8Array, start: number, length: number, seedHigh: number, seedLow: number): void {
  multiply(0, length, P1_HIGH, P1_LOW);
  let sumHigh = high;
  let sumLow = low;
  const rounds = length >> 4;
  for (let i = 0; i < rounds; i += 1) {
    mix16(bytes, start + 16 * i, i < 8 ? 16 * i : 16 * (i - 8) + 3, seedHigh, seedLow);
    add(high, low, sumHigh, sumLow);
    if (i === 7) avalanche();
    sumHigh = high;
    sumLow = low;
  }
  mix16(bytes, start + length - 16, 136 - 17, seedHigh, seedLow);
  add(high, low, sumHigh, sumLow);
  avalanche();
}

const MASK_64 = 0xffff_ffff_ffff_ffffn;
const PRIME32_1 = 0x9e3779b1n;
const STRIPE = 64;
const STRIPES_PER_BLOCK = 16;

/** Input of more than 240 bytes: eight accumulators over stripes of 64 bytes. */
function hashLong(bytes: Uint8Array, seedHigh: number, seedLow: number): void {
  const secret = seededSecret((BigInt(seedHigh) << 32n) | BigInt(seedLow));
  const input = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = [
    0xc2b2ae3dn,
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x85ebca77n,
    0x27d4eb2f165667c5n,
    0x9e3779b1n,
  ];
  const accumulate = (at: number, secretAt: number): void => {
    for (let i = 0; i < 8; i += 1) {
      const value = input.getBigUint64(at + 8 * i, true);
      const key = value ^ secret.getBigUint64(secretAt + 8 * i, true);
      sums[i ^ 1] = (sums[i ^ 1]! + value) & MASK_64;
      sums[i] = (sums[i]! + (key & 0xffff_ffffn) * (key >> 32n)) & MASK_64;
    }
  };
  const stripes = Math.floor((bytes.length - 1) / STRIPE);
  for (let stripe = 0; stripe < stripes; stripe += 1) {
    accumulate(stripe * STRIPE, (stripe % STRIPES_PER_BLOCK) * 8);
    if (stripe % STRIPES_PER_BLOCK !== STRIPES_PER_BLOCK - 1) continue;
    for (let i = 0; i < 8; i += 1) {
      const mixed = sums[i]! ^ (sums[i]! >> 47n) ^ secret.getBigUint64(SECRET.length - STRIPE + 8 * i, true);
      sums[i] = (mixed * PRIME32_1) & MASK_64;
    }
  }
  accumulate(bytes.length - STRIPE, SECRET.length - STRIPE - 7);
  let hash = (BigInt(bytes.length) * 0x9e3779b185ebca87n) & MASK_64;
  for (let i = 0; i < 4; i += 1) {
    const a = sums[2 * i]! ^ secret.getBigUint64(11 + 16 * i, true);
    const b = sums[2 * i + 1]! ^ secret.getBigUint64(11 + 16 * i + 8, true);
    const product = a * b;
    hash = (hash + ((product & MASK_64) ^ (product >> 64n))) & MASK_64;
  }
  low = Number(hash & 0xffff_ffffn);
  high = Number(hash >> 32n);
  avalanche();
}

function seededSecret(seed: bigint): DataView {
  if (seed === 0n) return SECRET_VIEW;
  const secret = new DataView(new ArrayBuffer(SECRET.length));
  for (let i = 0; i < SECRET.length; i += 16) {
    secret.setBigUint64(i, (SECRET_VIEW.getBigUint64(i, true) + seed) & MASK_64, true);
    secret.setBigUint64(i + 8, (SECRET_VIEW.getBigUint64(i + 8, true) - seed) & MASK_64, true);
  }
  return secret;
}
