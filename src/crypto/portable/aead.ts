/**
 * AEAD on node:crypto. A cipher object cannot take a second nonce, so every packet needs a new one. Keeping a key
 * object avoids converting the key each time, which on Node 24 costs four times the encryption itself.
 */

import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type DecipherGCM,
  type KeyObject,
} from "node:crypto";
import { type AeadName, type PacketBatch, type PacketKey, TAG_LENGTH } from "../engine.ts";
import { createNonce, writePacketNonce } from "../nonce.ts";
import { plain } from "./hashing.ts";

const OPTIONS = { authTagLength: TAG_LENGTH };

// The type declarations have one overload per cipher; all three behave alike if the tag length is given.
const createSealer = createCipheriv as (
  aead: AeadName,
  key: KeyObject,
  nonce: Uint8Array,
  options: { authTagLength: number },
) => CipherGCM;
const createOpener = createDecipheriv as (
  aead: AeadName,
  key: KeyObject,
  nonce: Uint8Array,
  options: { authTagLength: number },
) => DecipherGCM;

export class PortablePacketKey implements PacketKey {
  readonly #aead: AeadName;
  readonly #key: KeyObject;
  readonly #iv: Uint8Array;
  /** Rewritten for each packet; the cipher copies it. */
  readonly #nonce = createNonce();

  constructor(aead: AeadName, key: Uint8Array, iv: Uint8Array) {
    this.#aead = aead;
    this.#key = createSecretKey(key);
    this.#iv = iv.slice();
  }

  seal(batch: PacketBatch, from: number, pathId: number): void {
    const { arena, count } = batch;
    for (let i = from; i < count; i += 1) {
      const payload = batch.payload[i]!;
      const tag = batch.end[i]! - TAG_LENGTH;
      writePacketNonce(this.#nonce, this.#iv, pathId, batch.packetNumber[i]!);
      const cipher = createSealer(this.#aead, this.#key, this.#nonce, OPTIONS);
      cipher.setAAD(arena.subarray(batch.header[i]!, payload));
      arena.set(cipher.update(arena.subarray(payload, tag)), payload);
      cipher.final();
      arena.set(cipher.getAuthTag(), tag);
    }
  }

  open(batch: PacketBatch, from: number, pathId: number): void {
    const { arena, count } = batch;
    for (let i = from; i < count; i += 1) {
      const payload = batch.payload[i]!;
      const end = batch.end[i]!;
      const tag = end - TAG_LENGTH;
      batch.ok[i] = 0;
      if (tag < payload) continue;
      writePacketNonce(this.#nonce, this.#iv, pathId, batch.packetNumber[i]!);
      const decipher = createOpener(this.#aead, this.#key, this.#nonce, OPTIONS);
      decipher.setAAD(arena.subarray(batch.header[i]!, payload));
      decipher.setAuthTag(arena.subarray(tag, end));
      const plaintext = decipher.update(arena.subarray(payload, tag));
      try {
        decipher.final();
      } catch {
        continue; // The tag does not verify.
      }
      arena.set(plaintext, payload);
      batch.ok[i] = 1;
    }
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}

export function aeadSeal(
  aead: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const cipher = createSealer(aead, createSecretKey(key), nonce, OPTIONS);
  cipher.setAAD(aad);
  const sealed = new Uint8Array(plaintext.length + TAG_LENGTH);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

export function aeadOpen(
  aead: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  const tag = ciphertext.length - TAG_LENGTH;
  if (tag < 0) return undefined;
  const decipher = createOpener(aead, createSecretKey(key), nonce, OPTIONS);
  decipher.setAAD(aad);
  decipher.setAuthTag(ciphertext.subarray(tag));
  const plaintext = decipher.update(ciphertext.subarray(0, tag));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain(plaintext);
}
