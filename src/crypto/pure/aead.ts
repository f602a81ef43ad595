/** AEAD on @noble/ciphers. */

import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type AeadName, type PacketBatch, type PacketKey, TAG_LENGTH } from "../engine.ts";
import { createNonce, writePacketNonce } from "../nonce.ts";

interface Sealer {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
}

const createSealer = (aead: AeadName, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): Sealer =>
  aead === "chacha20-poly1305" ? chacha20poly1305(key, nonce, aad) : gcm(key, nonce, aad);

export function aeadSeal(
  aead: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return createSealer(aead, key, nonce, aad).encrypt(plaintext);
}

export function aeadOpen(
  aead: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < TAG_LENGTH) return undefined;
  try {
    return createSealer(aead, key, nonce, aad).decrypt(ciphertext);
  } catch {
    return undefined; // The tag does not verify.
  }
}

export class PurePacketKey implements PacketKey {
  readonly #aead: AeadName;
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  readonly #nonce = createNonce();

  constructor(aead: AeadName, key: Uint8Array, iv: Uint8Array) {
    this.#aead = aead;
    this.#key = key.slice();
    this.#iv = iv.slice();
  }

  seal(batch: PacketBatch, from: number, pathId: number): void {
    const { arena } = batch;
    for (let i = from; i < batch.count; i += 1) {
      const payload = batch.payload[i]!;
      writePacketNonce(this.#nonce, this.#iv, pathId, batch.packetNumber[i]!);
      const aad = arena.subarray(batch.header[i]!, payload);
      const plaintext = arena.subarray(payload, batch.end[i]! - TAG_LENGTH);
      arena.set(aeadSeal(this.#aead, this.#key, this.#nonce, aad, plaintext), payload);
    }
  }

  open(batch: PacketBatch, from: number, pathId: number): void {
    const { arena } = batch;
    for (let i = from; i < batch.count; i += 1) {
      const payload = batch.payload[i]!;
      writePacketNonce(this.#nonce, this.#iv, pathId, batch.packetNumber[i]!);
      const aad = arena.subarray(batch.header[i]!, payload);
      const plaintext = aeadOpen(this.#aead, this.#key, this.#nonce, aad, arena.subarray(payload, batch.end[i]!));
      batch.ok[i] = plaintext === undefined ? 0 : 1;
      if (plaintext !== undefined) arena.set(plaintext, payload);
    }
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}
