/** The system's random numbers, fetched in blocks: a system call costs the same for few bytes as for many. */

import { randomFillSync } from "node:crypto";
import type { Rng } from "../base/rng.ts";

const BLOCK = 4096;

class SystemRng implements Rng {
  readonly isFromSystem = true;
  readonly #block = new Uint8Array(BLOCK);
  readonly #word = new Uint8Array(4);
  readonly #wordView = new DataView(this.#word.buffer);
  #used = BLOCK;

  fill(target: Uint8Array): void {
    if (target.length > BLOCK) {
      randomFillSync(target);
      return;
    }
    if (this.#used + target.length > BLOCK) {
      randomFillSync(this.#block);
      this.#used = 0;
    }
    const end = this.#used + target.length;
    target.set(this.#block.subarray(this.#used, end));
    // Erase used bytes, so that they cannot leak later.
    this.#block.fill(0, this.#used, end);
    this.#used = end;
  }

  uint32(): number {
    this.fill(this.#word);
    const word = this.#wordView.getUint32(0);
    this.#wordView.setUint32(0, 0);
    return word;
  }
}

export const systemRng: Rng = new SystemRng();
