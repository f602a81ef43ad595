/**
 * The key schedule (RFC 8446 §7.1). Each stage is extracted from the previous one; traffic secrets are derived from a
 * stage and the transcript at that point.
 *
 *     Early Secret (from the pre-shared key) → Handshake Secret (adds the shared secret) → Master Secret
 */

import { type CryptoEngine, HASH_LENGTH, type HashName } from "../crypto/engine.ts";
import { deriveSecret, hkdfExpandLabel, hkdfExtract } from "../crypto/hkdf.ts";
import { Exporter } from "./exporter.ts";

const EMPTY = new Uint8Array(0);

/** One secret per direction, named after the sender. */
export interface TrafficSecrets {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** The same in every handshake without a pre-shared key, whatever the engine. */
const SALTS_WITHOUT_PSK: Partial<Record<HashName, Uint8Array>> = {};
const HASHES_OF_NOTHING: Partial<Record<HashName, Uint8Array>> = {};

export class KeySchedule {
  readonly #engine: CryptoEngine;
  readonly #hash: HashName;
  readonly #zeros: Uint8Array;

  constructor(engine: CryptoEngine, hash: HashName) {
    this.#engine = engine;
    this.#hash = hash;
    this.#zeros = new Uint8Array(HASH_LENGTH[hash]);
  }

  /** The Early Secret of a pre-shared key. */
  earlySecret(psk: Uint8Array): Uint8Array {
    return hkdfExtract(this.#engine, this.#hash, this.#zeros, psk);
  }

  /** The base key of the binder of a resumption PSK (RFC 8446 §4.2.11.2). */
  binderKey(earlySecret: Uint8Array): Uint8Array {
    return this.deriveSecret(earlySecret, "res binder", this.#hashOfNothing());
  }

  /** The secret of 0-RTT packets; the transcript is the ClientHello. */
  earlyTraffic(earlySecret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
    return this.deriveSecret(earlySecret, "c e traffic", transcriptHash);
  }

  /** Without a pre-shared key, zeros take its place, so that the salt is a constant. */
  handshakeSecret(earlySecret: Uint8Array | undefined, sharedSecret: Uint8Array): Uint8Array {
    const salt = earlySecret === undefined ? this.#saltWithoutPsk() : this.#derived(earlySecret);
    return hkdfExtract(this.#engine, this.#hash, salt, sharedSecret);
  }

  #saltWithoutPsk(): Uint8Array {
    const known = SALTS_WITHOUT_PSK[this.#hash];
    return known ?? (SALTS_WITHOUT_PSK[this.#hash] = this.#derived(this.earlySecret(this.#zeros)));
  }

  masterSecret(handshakeSecret: Uint8Array): Uint8Array {
    return hkdfExtract(this.#engine, this.#hash, this.#derived(handshakeSecret), this.#zeros);
  }

  /** Derive-Secret (RFC 8446 §7.1), for a label such as "c hs traffic". */
  deriveSecret(secret: Uint8Array, label: string, transcriptHash: Uint8Array): Uint8Array {
    return deriveSecret(this.#engine, this.#hash, secret, label, transcriptHash);
  }

  /** The handshake traffic secrets; the transcript ends with the ServerHello. */
  handshakeTraffic(handshakeSecret: Uint8Array, transcriptHash: Uint8Array): TrafficSecrets {
    return {
      client: this.deriveSecret(handshakeSecret, "c hs traffic", transcriptHash),
      server: this.deriveSecret(handshakeSecret, "s hs traffic", transcriptHash),
    };
  }

  /** The first application traffic secrets; the transcript ends with the server's Finished. */
  applicationTraffic(masterSecret: Uint8Array, transcriptHash: Uint8Array): TrafficSecrets {
    return {
      client: this.deriveSecret(masterSecret, "c ap traffic", transcriptHash),
      server: this.deriveSecret(masterSecret, "s ap traffic", transcriptHash),
    };
  }

  /** Keying material for applications; the transcript ends with the server's Finished. */
  exporter(masterSecret: Uint8Array, transcriptHash: Uint8Array): Exporter {
    return new Exporter(this.#engine, this.#hash, this.deriveSecret(masterSecret, "exp master", transcriptHash));
  }

  /** The source of the PSKs of tickets; the transcript ends with the client's Finished. */
  resumptionMaster(masterSecret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
    return this.deriveSecret(masterSecret, "res master", transcriptHash);
  }

  /** The PSK of a ticket (RFC 8446 §4.6.1). */
  ticketPsk(resumptionMaster: Uint8Array, nonce: Uint8Array): Uint8Array {
    return hkdfExpandLabel(this.#engine, this.#hash, resumptionMaster, "resumption", nonce, HASH_LENGTH[this.#hash]);
  }

  /** The salt of the next stage. */
  #derived(secret: Uint8Array): Uint8Array {
    return this.deriveSecret(secret, "derived", this.#hashOfNothing());
  }

  #hashOfNothing(): Uint8Array {
    return (HASHES_OF_NOTHING[this.#hash] ??= this.#engine.hash(this.#hash, EMPTY));
  }

  /** The content of a Finished (RFC 8446 §4.4.4); `baseKey` is the sender's handshake traffic secret. */
  verifyData(baseKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
    const key = hkdfExpandLabel(this.#engine, this.#hash, baseKey, "finished", EMPTY, HASH_LENGTH[this.#hash]);
    return this.#engine.hmac(this.#hash, key, transcriptHash);
  }
}
