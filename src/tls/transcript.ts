/**
 * The transcript hash (RFC 8446 §4.4.1) over every handshake message so far, headers included. The hash function is
 * unknown until the cipher suite is chosen, so a client's first message waits here until then.
 */

import type { CryptoEngine, HashName, RunningHash } from "../crypto/engine.ts";
import { concat } from "../wire/text.ts";
import { emitMessage } from "./messages/message.ts";

const NOTHING = new Uint8Array(0);

export class Transcript {
  readonly #engine: CryptoEngine;
  #hash: HashName | undefined;
  #running: RunningHash | undefined;
  /** Messages from before the hash was known: at most one ClientHello. */
  #waiting: Uint8Array = NOTHING;

  constructor(engine: CryptoEngine) {
    this.#engine = engine;
  }

  append(message: Uint8Array): void {
    if (this.#running === undefined) this.#waiting = concat(this.#waiting, message);
    else this.#running.update(message);
  }

  /** Call once the cipher suite is known. */
  selectHash(hash: HashName): void {
    if (this.#hash === hash) return;
    this.#hash = hash;
    this.#running = this.#engine.createHash(hash);
    this.#running.update(this.#waiting);
    this.#waiting = NOTHING;
  }

  /** Replaces the first ClientHello with a message_hash, before its HelloRetryRequest is appended. */
  replaceWithHash(): void {
    const firstHello = this.digest();
    this.#running = this.#engine.createHash(this.#hash!);
    this.#running.update(emitMessage("message_hash", firstHello));
  }

  /** The hash of everything so far and `message`, which is not added: for the binders of a ClientHello. */
  digestWith(hash: HashName, message: Uint8Array): Uint8Array {
    if (this.#running === undefined) return this.#engine.hash(hash, concat(this.#waiting, message));
    return this.#running.digestWith(message);
  }

  /** The hash so far. Requires `selectHash`. */
  digest(): Uint8Array {
    return this.#running!.digest();
  }
}
