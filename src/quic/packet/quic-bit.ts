/**
 * The QUIC Bit, also called Fixed Bit, of a packet's first byte (RFC 9287): 1, unless the peer has announced that it accepts
 * any value. Then it is random, so that no network comes to depend on it.
 */

import type { Rng } from "../../base/rng.ts";

export const QUIC_BIT = 0x40;

export class QuicBitGrease {
  readonly #rng: Rng;
  #bits = 0;
  #left = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** Clears the bit of the packet that starts at `offset`, or does not. */
  apply(bytes: Uint8Array, offset: number): void {
    if (this.#left === 0) {
      this.#bits = this.#rng.uint32();
      this.#left = 32;
    }
    this.#left -= 1;
    if (((this.#bits >>> this.#left) & 1) === 0) bytes[offset] = bytes[offset]! & ~QUIC_BIT;
  }
}
