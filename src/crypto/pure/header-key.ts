/** Header protection masks on @noble/ciphers (RFC 9001 §5.4). */

import { ecb } from "@noble/ciphers/aes.js";
import { hchacha } from "@noble/ciphers/chacha.js";
import { utf8 } from "../../wire/text.ts";
import { type AeadName, type HeaderKey, type PacketBatch, SAMPLE_LENGTH } from "../engine.ts";

/** The assumed length of the packet number when locating the sample (RFC 9001 §5.4.2). */
const SAMPLE_OFFSET = 4;

export const createHeaderKey = (aead: AeadName, key: Uint8Array): HeaderKey =>
  aead === "chacha20-poly1305" ? new ChaChaHeaderKey(key) : new AesHeaderKey(key);

const sampleOf = (batch: PacketBatch, i: number): Uint8Array => {
  const at = batch.packetNumberOffset[i]! + SAMPLE_OFFSET;
  return batch.arena.subarray(at, at + SAMPLE_LENGTH);
};

/** RFC 9001 §5.4.3: the mask is AES-ECB of the sample. */
class AesHeaderKey implements HeaderKey {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  mask(batch: PacketBatch, from: number): void {
    if (from >= batch.count) return;
    for (let i = from; i < batch.count; i += 1) batch.masks.set(sampleOf(batch, i), i * SAMPLE_LENGTH);
    const samples = batch.masks.subarray(from * SAMPLE_LENGTH, batch.count * SAMPLE_LENGTH);
    batch.masks.set(ecb(this.#key, { disablePadding: true }).encrypt(samples), from * SAMPLE_LENGTH);
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}

/** The first words of the ChaCha state (RFC 8439 §2.3). */
const CONSTANTS = utf8("expand 32-byte k");

/**
 * RFC 9001 §5.4.4: the mask is the start of the ChaCha20 block whose counter and nonce are the sample. The library's
 * key stream cannot be used, because it rejects the last counter, which a sample may contain. HChaCha20 is the same
 * block without the final addition of the state, of which a mask needs two words.
 */
class ChaChaHeaderKey implements HeaderKey {
  readonly #constants = words(CONSTANTS.slice());
  readonly #key: Uint32Array;
  readonly #sample = new Uint8Array(SAMPLE_LENGTH);
  readonly #block = new Uint32Array(8);

  constructor(key: Uint8Array) {
    this.#key = words(key.slice());
  }

  mask(batch: PacketBatch, from: number): void {
    const state = new DataView(this.#constants.buffer);
    const permuted = new DataView(this.#block.buffer);
    const masks = new DataView(batch.masks.buffer, batch.masks.byteOffset);
    for (let i = from; i < batch.count; i += 1) {
      this.#sample.set(sampleOf(batch, i));
      hchacha(this.#constants, this.#key, words(this.#sample), this.#block);
      for (const at of [0, 4]) {
        masks.setUint32(i * SAMPLE_LENGTH + at, permuted.getUint32(at, true) + state.getUint32(at, true), true);
      }
    }
  }

  /** The garbage collector takes care of it. */
  free(): void {}
}

/** The same bytes as 32-bit words. */
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
