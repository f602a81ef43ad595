/** Header protection masks on node:crypto (RFC 9001 §5.4). */

import { type Cipher, createCipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { type AeadName, type HeaderKey, type PacketBatch, SAMPLE_LENGTH } from "../engine.ts";
import { copySample, MASK_LENGTH } from "../sample.ts";

export const createHeaderKey = (aead: AeadName, key: Uint8Array): HeaderKey =>
  aead === "chacha20-poly1305" ? new ChaChaHeaderKey(key) : new AesHeaderKey(aead, key);

/**
 * RFC 9001 §5.4.3: the mask is AES-ECB of the sample. ECB blocks are independent, so one call processes a whole batch.
 */
class AesHeaderKey implements HeaderKey {
  readonly #cipher: Cipher;

  constructor(aead: "aes-128-gcm" | "aes-256-gcm", key: Uint8Array) {
    const ecb = aead === "aes-128-gcm" ? "aes-128-ecb" : "aes-256-ecb";
    this.#cipher = createCipheriv(ecb, createSecretKey(key), null).setAutoPadding(false);
  }

  mask(batch: PacketBatch, from: number): void {
    const { masks, count } = batch;
    if (from >= count) return;
    for (let i = from; i < count; i += 1) copySample(batch, i, masks, i * SAMPLE_LENGTH);
    const start = from * SAMPLE_LENGTH;
    masks.set(this.#cipher.update(masks.subarray(start, count * SAMPLE_LENGTH)), start);
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}

/**
 * RFC 9001 §5.4.4: the sample is the counter, little-endian, then the nonce, which is the layout of node's 16-byte IV.
 */
class ChaChaHeaderKey implements HeaderKey {
  readonly #key: KeyObject;
  readonly #sample = new Uint8Array(SAMPLE_LENGTH);
  readonly #zeros = new Uint8Array(MASK_LENGTH);

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  mask(batch: PacketBatch, from: number): void {
    for (let i = from; i < batch.count; i += 1) {
      copySample(batch, i, this.#sample, 0);
      batch.masks.set(createCipheriv("chacha20", this.#key, this.#sample).update(this.#zeros), i * SAMPLE_LENGTH);
    }
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}
