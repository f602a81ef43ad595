/**
 * The tokens of an endpoint's connection ids (RFC 9000 §10.3.2). The key of a token changes with time, and the id names
 * it. So after a change of keys, and after a restart with the same secret, an endpoint still derives the same token for an
 * earlier id.
 *
 * This limits what a leaked key reveals, but does not give forward secrecy: the secret derives all of them.
 */

import type { CryptoEngine } from "../../crypto/engine.ts";
import { utf8 } from "../../wire/text.ts";
import type { ConnectionIdGenerator } from "../packet/connection-id-generator.ts";
import { KEY_NUMBERS, keyNumber } from "../packet/key-period.ts";
import { resetToken } from "./stateless-reset.ts";

interface PeriodKey {
  readonly period: number;
  readonly key: Uint8Array;
}

export class ResetTokens {
  readonly #engine: CryptoEngine;
  readonly #ids: ConnectionIdGenerator;
  readonly #secret: Uint8Array;
  /** The derived keys, by number. */
  readonly #keys: (PeriodKey | undefined)[] = new Array(KEY_NUMBERS).fill(undefined);

  constructor(engine: CryptoEngine, ids: ConnectionIdGenerator, secret: Uint8Array) {
    this.#engine = engine;
    this.#ids = ids;
    this.#secret = secret;
  }

  of(id: Uint8Array): Uint8Array {
    const period = this.#ids.keyPeriod?.(id);
    return resetToken(this.#engine, period === undefined ? this.#secret : this.#keyOf(period), id);
  }

  /** A keyed hash of a peer's token, under which it is looked up. */
  hash(token: Uint8Array): Uint8Array {
    return this.#engine.hmac("sha256", this.#secret, token);
  }

  #keyOf(period: number): Uint8Array {
    const number = keyNumber(period);
    const known = this.#keys[number];
    if (known?.period === period) return known.key;
    const key = this.#engine.hmac("sha256", this.#secret, utf8(`nagare reset tokens ${period}`));
    this.#keys[number] = { period, key };
    return key;
  }
}
