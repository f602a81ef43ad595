/** Keying material for applications that both sides can derive, and nobody else (RFC 8446 §7.5, RFC 5705). */

import type { CryptoEngine, HashName } from "../crypto/engine.ts";
import { deriveSecret, hkdfExpandLabelLong } from "../crypto/hkdf.ts";

const EMPTY = new Uint8Array(0);

/** Derives keying material from the exporter master secret of a connection (RFC 8446 §7.5). */
export class Exporter {
  readonly #engine: CryptoEngine;
  readonly #hash: HashName;
  readonly #secret: Uint8Array;

  /** `secret` is the exporter master secret. */
  constructor(engine: CryptoEngine, hash: HashName, secret: Uint8Array) {
    this.#engine = engine;
    this.#hash = hash;
    this.#secret = secret;
  }

  /** TLS-Exporter (RFC 8446 §7.5) of a registered label, such as "EXPORTER-WebTransport". No context is the same as an empty one. */
  export(label: string, context: Uint8Array, length: number): Uint8Array {
    const nothing = this.#engine.hash(this.#hash, EMPTY);
    const secret = deriveSecret(this.#engine, this.#hash, this.#secret, label, nothing);
    const hashed = this.#engine.hash(this.#hash, context);
    return hkdfExpandLabelLong(this.#engine, this.#hash, secret, "exporter", hashed, length);
  }
}
