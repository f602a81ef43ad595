/**
 * A symmetric key that changes with time, derived from one secret: every process with the secret and the same clock has
 * the same keys, also after a restart, without storing or exchanging any. A key seals for one period and opens for
 * another, so that what it sealed stays valid for at least one period.
 *
 * This limits how much a leaked key reveals, but does not give forward secrecy: the secret derives all of them.
 */

import type { Instant, Micros } from "../base/time.ts";
import { utf8 } from "../wire/text.ts";
import type { CryptoEngine } from "./engine.ts";

interface Generation {
  readonly number: number;
  readonly key: Uint8Array;
}

export class RotatingKey {
  readonly #engine: CryptoEngine;
  readonly #root: Uint8Array;
  readonly #period: Micros;
  #current: Generation | undefined;
  #previous: Generation | undefined;

  /** `purpose` separates the keys that are derived from the same secret. */
  constructor(engine: CryptoEngine, secret: Uint8Array, purpose: string, period: Micros) {
    this.#engine = engine;
    this.#root = engine.hmac("sha256", secret, utf8(purpose));
    this.#period = period;
  }

  /** The generation that seals now: its number, and 32 bytes of key. `now` is on the clock that all processes share. */
  current(now: Instant): Generation {
    const number = Math.floor(now / this.#period);
    if (this.#current?.number !== number) {
      if (this.#current?.number === number - 1) this.#previous = this.#current;
      this.#current = this.#derive(number);
    }
    return this.#current!;
  }

  /** The key of a generation that may still open: the current one and the one before. */
  byNumber(number: number, now: Instant): Uint8Array | undefined {
    const current = this.current(now);
    if (number === current.number) return current.key;
    if (number !== current.number - 1) return undefined;
    if (this.#previous?.number !== number) this.#previous = this.#derive(number);
    return this.#previous.key;
  }

  #derive(number: number): Generation {
    return { number, key: this.#engine.hmac("sha256", this.#root, utf8(`${number}`)) };
  }
}
