/**
 * Packet protection in place (RFC 9001 §5.3). A context keeps its key and takes a new nonce per packet, which node:crypto
 * cannot do. Contexts live outside of JavaScript, so keys must be freed.
 */

import { type AeadName, IV_LENGTH, type PacketBatch, type PacketKey } from "../engine.ts";
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
  /** The IV, then the key: in one array, because there are many keys. */
  readonly #material: Uint8Array;
  /** Created on demand: a key usually has one direction. */
  #sealing: ContextPointer | undefined;
  #opening: ContextPointer | undefined;
  #isFreed = false;

  constructor(evp: Evp, calls: PacketCalls, cipher: number, key: Uint8Array, iv: Uint8Array) {
    this.#evp = evp;
    this.#calls = calls;
    this.#cipher = cipher;
    this.#material = new Uint8Array(IV_LENGTH + key.length);
    this.#material.set(iv);
    this.#material.set(key, IV_LENGTH);
  }

  seal(batch: PacketBatch, from: number, pathId: number): void {
    if (from >= batch.count) return;
    this.#calls.seal((this.#sealing ??= this.#createContext(ENCRYPT)), this.#material, batch, from, pathId);
  }

  open(batch: PacketBatch, from: number, pathId: number): void {
    if (from >= batch.count) return;
    this.#calls.open((this.#opening ??= this.#createContext(DECRYPT)), this.#material, batch, from, pathId);
  }

  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#evp.free(this, [this.#sealing, this.#opening]);
    this.#sealing = undefined;
    this.#opening = undefined;
    this.#material.fill(0);
  }

  #createContext(direction: number): ContextPointer {
    if (this.#isFreed) throw new Error("the packet key has been freed");
    return this.#evp.createContext(this, this.#cipher, this.#material.subarray(IV_LENGTH), direction);
  }
}
