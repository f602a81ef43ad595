/**
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): a keyed 64-bit hash of short inputs. Words
 * are pairs of 32-bit halves, to avoid BigInt.
 */

const KEY_LENGTH = 16;

/** "somepseudorandomlygeneratedbytes", as (low, high) of v0 to v3. */
const INITIAL = [0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462];

export class SipHash {
  /** The halves of the last hash. */
  low = 0;
  high = 0;
  readonly #key: Int32Array;
  /** v0 to v3, each as its low half, then its high half. */
  readonly #state = new Int32Array(8);

  constructor(key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new RangeError(`a SipHash key has ${KEY_LENGTH} bytes, not ${key.length}`);
    this.#key = Int32Array.from([0, 4, 8, 12], (at) => word(key, at, KEY_LENGTH));
  }

  /** Hashes `bytes[start, end)` into `low` and `high`. */
  update(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const state = this.#state;
    const key = this.#key;
    for (let i = 0; i < 8; i += 1) state[i] = INITIAL[i]! ^ key[i & 3]!;
    const length = end - start;
    const whole = end - (length & 7);
    for (let at = start; at < whole; at += 8) this.#compress(word(bytes, at, end), word(bytes, at + 4, end));
    this.#compress(word(bytes, whole, end), word(bytes, whole + 4, end) | (length << 24));
    state[4] = state[4]! ^ 0xff;
    for (let i = 0; i < 4; i += 1) this.#round();
    this.low = (state[0]! ^ state[2]! ^ state[4]! ^ state[6]!) >>> 0;
    this.high = (state[1]! ^ state[3]! ^ state[5]! ^ state[7]!) >>> 0;
  }

  #compress(low: number, high: number): void {
    const state = this.#state;
    state[6] = state[6]! ^ low;
    state[7] = state[7]! ^ high;
    this.#round();
    this.#round();
    state[0] = state[0]! ^ low;
    state[1] = state[1]! ^ high;
  }

  /** SipRound, in the order of the paper's figure. */
  #round(): void {
    const state = this.#state;
    add(state, 0, 2);
    rotate(state, 2, 13);
    xor(state, 2, 0);
    swap(state, 0);
    add(state, 4, 6);
    rotate(state, 6, 16);
    xor(state, 6, 4);
    add(state, 0, 6);
    rotate(state, 6, 21);
    xor(state, 6, 0);
    add(state, 4, 2);
    rotate(state, 2, 17);
    xor(state, 2, 4);
    swap(state, 4);
  }
}

/** Reads four little-endian bytes, with zeros from `end` on. */
function word(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4 && at + i < end; i += 1) value |= bytes[at + i]! << (8 * i);
  return value;
}

function add(state: Int32Array, to: number, from: number): void {
  const low = (state[to]! >>> 0) + (state[from]! >>> 0);
  state[to + 1] = state[to + 1]! + state[from + 1]! + (low > 0xffff_ffff ? 1 : 0);
  state[to] = low;
}

function xor(state: Int32Array, to: number, from: number): void {
  state[to] = state[to]! ^ state[from]!;
  state[to + 1] = state[to + 1]! ^ state[from + 1]!;
}

/** Rotates left by fewer than 32 bits. */
function rotate(state: Int32Array, at: number, bits: number): void {
  const low = state[at]!;
  const high = state[at + 1]!;
  state[at] = (low << bits) | (high >>> (32 - bits));
  state[at + 1] = (high << bits) | (low >>> (32 - bits));
}

/** Rotates left by 32 bits. */
function swap(state: Int32Array, at: number): void {
  const low = state[at]!;
  state[at] = state[at + 1]!;
  state[at + 1] = low;
}
