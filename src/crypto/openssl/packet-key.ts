/**
 * Packet protection in place (RFC 9001 §5.3). A context keeps its key and takes a new nonce per packet, which node:crypto
 * cannot do. Contexts live outside of JavaScript, so keys must be freed.
 */

import type { AeadName, PacketBatch, PacketKey } from "../engine.ts";
import { type ContextPointer, DECRYPT, ENCRYPT, type Evp } from "./evp.ts";
import type { PacketCalls } from "./packet-calls.ts";

export const AEAD_CIPHERS: Readonly<Record<AeadName, string>> = {
  "aes-128-gcm": "AES-128-GCM",
  "aes-256-gcm": "AES-256-GCM",
  "chacha20-poly1305": "ChaCha20-Poly1305",
};

export class OpensslPacketKey implements PacketKey {
  readonly #evp: Evp;
  readonly #calls: PacketCalls;
  readonly #cipher: number;
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  /** Created on demand: a key usually has one direction. */
  #sealing: ContextPointer | undefined;
  #opening: ContextPointer | undefined;
  #isFreed = false;

  constructor(evp: Evp, calls: PacketCalls, cipher: number, key: Uint8Array, iv: Uint8Array) {
    this.#evp = evp;
    this.#calls = calls;
    this.#cipher = cipher;
    this.#key = key.slice();
    this.#iv = iv.slice();
  }

  seal(batch: PacketBatch, from: number, pathId: number): void {
    if (from >= batch.count) return;
    this.#calls.seal((this.#sealing ??= this.#createContext(ENCRYPT)), this.#iv, batch, from, pathId);
  }

  open(batch: PacketBatch, from: number, pathId: number): void {
    if (from >= batch.count) return;
    this.#calls.open((this.#opening ??= this.#createContext(DECRYPT)), this.#iv, batch, from, pathId);
  }

  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#evp.free(this, [this.#sealing, this.#opening]);
    this.#sealing = undefined;
    this.#opening = undefined;
    this.#key.fill(0);
  }

  #createContext(direction: number): ContextPointer {
    if (this.#isFreed) throw new Error("the packet key has been freed");
    return this.#evp.createContext(this, this.#cipher, this.#key, direction);
  }
}
