/**
 * Randomness as an injected source. The host passes one backed by the operating system; tests and the simulator pass a
 * seeded one, so that the same seed gives the same bytes.
 */

export interface Rng {
  /** Fills the whole array. */
  fill(target: Uint8Array): void;
  /** A uniform integer in [0, 2^32). */
  uint32(): number;
  /** True if nothing distinguishes its bytes from the system's, so that a library may draw its own. */
  readonly isFromSystem?: true;
}

/** xoshiro128** with a 32-bit seed expanded by splitmix32. Not for keys outside the simulator. */
export class SeededRng implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  uint32(): number {
    const scaled = Math.imul(this.#b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i += 4) {
      const word = this.uint32();
      for (let j = 0; j < 4 && i + j < target.length; j += 1) target[i + j] = word >>> (8 * j);
    }
  }
}

/** A uniform number in [0, 1) from any source. */
export const uniform = (rng: Rng): number => rng.uint32() / 0x1_0000_0000;

/** `count` fresh bytes from any source. */
export function randomBytes(rng: Rng, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  rng.fill(bytes);
  return bytes;
}
