/** The random choices of a fuzzing session, all from one seed. */

import { SeededRng } from "../src/base/rng.ts";
import { type VarInt, wideInt } from "../src/wire/varint.ts";

/**
 * Integers at which QUIC and HTTP/3 tend to break: the limits of each encoded length, of exact numbers and of streams.
 */
const EDGES: readonly VarInt[] = [
  0,
  1,
  2,
  3,
  63,
  64,
  255,
  1_199,
  1_200,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 20,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 32,
  2 ** 53 - 1,
  wideInt(0x0fff_ffff, 0xffff_ffff),
  wideInt(0x1000_0000, 0),
  wideInt(0x1000_0000, 1),
  wideInt(0x3fff_ffff, 0xffff_ffff),
];

export class Chance {
  readonly rng: SeededRng;

  constructor(seed: number) {
    this.rng = new SeededRng(seed);
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.rng.uint32() % limit;
  }

  /** True with probability 1/n. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Up to `max` bytes; short results are more frequent. */
  bytes(max: number): Uint8Array {
    const bytes = new Uint8Array(this.below(this.below(max + 1) + 1));
    this.rng.fill(bytes);
    return bytes;
  }

  exactBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.rng.fill(bytes);
    return bytes;
  }

  /** A small integer, an edge case, or any value. */
  varint(): VarInt {
    switch (this.below(4)) {
      case 0:
      case 1:
        return this.below(16);
      case 2:
        return this.pick(EDGES);
      default:
        return this.rng.uint32() >>> this.below(32);
    }
  }
}
