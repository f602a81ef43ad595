/** Header protection masks (RFC 9001 §5.4). */

import { type AeadName, type HeaderKey, type PacketBatch, SAMPLE_LENGTH } from "../engine.ts";
import { copySample, MASK_LENGTH } from "../sample.ts";
import { type ContextPointer, ENCRYPT, type Evp } from "./evp.ts";

export const MASK_CIPHERS: Readonly<Record<AeadName, string>> = {
  "aes-128-gcm": "AES-128-ECB",
  "aes-256-gcm": "AES-256-ECB",
  "chacha20-poly1305": "ChaCha20",
};

export class OpensslHeaderKey implements HeaderKey {
  readonly #evp: Evp;
  readonly #isChaCha: boolean;
  #context: ContextPointer | undefined;

  constructor(evp: Evp, aead: AeadName, cipher: number, key: Uint8Array) {
    this.#evp = evp;
    this.#isChaCha = aead === "chacha20-poly1305";
    this.#context = evp.createContext(this, cipher, key, ENCRYPT);
    evp.withoutPadding(this.#context);
  }

  mask(batch: PacketBatch, from: number): void {
    if (from >= batch.count) return;
    if (this.#context === undefined) throw new Error("the header key has been freed");
    if (this.#isChaCha) this.#maskEach(this.#context, batch, from);
    else this.#maskAll(this.#context, batch, from);
  }

  /** RFC 9001 §5.4.3: the mask is AES-ECB of the sample. Blocks are independent, so one call does the whole batch. */
  #maskAll(context: ContextPointer, batch: PacketBatch, from: number): void {
    const { masks, count } = batch;
    for (let i = from; i < count; i += 1) copySample(batch, i, masks, i * SAMPLE_LENGTH);
    const start = this.#evp.addressOf(masks) + from * SAMPLE_LENGTH;
    this.#evp.transform(context, start, start, (count - from) * SAMPLE_LENGTH);
  }

  /** RFC 9001 §5.4.4: the sample is the counter, little-endian, then the nonce, which is OpenSSL's 16-byte IV. */
  #maskEach(context: ContextPointer, batch: PacketBatch, from: number): void {
    const { masks, count } = batch;
    const base = this.#evp.addressOf(masks);
    for (let i = from; i < count; i += 1) {
      const at = i * SAMPLE_LENGTH;
      copySample(batch, i, this.#evp.iv, 0);
      masks.fill(0, at, at + MASK_LENGTH);
      this.#evp.begin(context);
      this.#evp.transform(context, base + at, base + at, MASK_LENGTH);
    }
  }

  free(): void {
    if (this.#context === undefined) return;
    this.#evp.free(this, [this.#context]);
    this.#context = undefined;
  }
}
