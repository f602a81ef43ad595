/**
 * Packet protection in place (RFC 9001 §5.3). A context keeps its key and takes a new nonce per packet, which node:crypto
 * cannot do. Contexts live outside of JavaScript, so keys must be freed.
 */

import { type AeadName, type PacketBatch, type PacketKey, TAG_LENGTH } from "../engine.ts";
import { writePacketNonce } from "../nonce.ts";
import { type ContextPointer, DECRYPT, ENCRYPT, type Evp } from "./evp.ts";

export const AEAD_CIPHERS: Readonly<Record<AeadName, string>> = {
  "aes-128-gcm": "AES-128-GCM",
  "aes-256-gcm": "AES-256-GCM",
  "chacha20-poly1305": "ChaCha20-Poly1305",
};

export class OpensslPacketKey implements PacketKey {
  readonly #evp: Evp;
  readonly #cipher: number;
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  /** Created on demand: a key usually has one direction. */
  #sealing: ContextPointer | undefined;
  #opening: ContextPointer | undefined;
  #isFreed = false;

  constructor(evp: Evp, cipher: number, key: Uint8Array, iv: Uint8Array) {
    this.#evp = evp;
    this.#cipher = cipher;
    this.#key = key.slice();
    this.#iv = iv.slice();
  }

  seal(batch: PacketBatch, from: number, pathId: number): void {
    const { count } = batch;
    if (from >= count) return;
    const evp = this.#evp;
    const context = (this.#sealing ??= this.#createContext(ENCRYPT));
    const base = evp.addressOf(batch.arena);
    for (let i = from; i < count; i += 1) {
      const header = batch.header[i]!;
      const payload = batch.payload[i]!;
      const tag = batch.end[i]! - TAG_LENGTH;
      if (!isInside(batch, i)) throw new RangeError("a packet to seal is outside of its arena");
      writePacketNonce(evp.iv, this.#iv, pathId, batch.packetNumber[i]!);
      evp.begin(context);
      evp.authenticate(context, base + header, payload - header);
      if (tag > payload) evp.transform(context, base + payload, base + payload, tag - payload);
      if (!evp.end(context)) throw new Error("OpenSSL could not seal a packet");
      evp.readTag(context, base + tag, TAG_LENGTH);
    }
  }

  open(batch: PacketBatch, from: number, pathId: number): void {
    const { count } = batch;
    if (from >= count) return;
    const evp = this.#evp;
    const context = (this.#opening ??= this.#createContext(DECRYPT));
    const base = evp.addressOf(batch.arena);
    for (let i = from; i < count; i += 1) {
      const header = batch.header[i]!;
      const payload = batch.payload[i]!;
      const tag = batch.end[i]! - TAG_LENGTH;
      batch.ok[i] = 0;
      if (!isInside(batch, i)) continue;
      writePacketNonce(evp.iv, this.#iv, pathId, batch.packetNumber[i]!);
      evp.begin(context);
      evp.writeTag(context, base + tag, TAG_LENGTH);
      evp.authenticate(context, base + header, payload - header);
      if (tag > payload) evp.transform(context, base + payload, base + payload, tag - payload);
      if (evp.end(context)) batch.ok[i] = 1;
    }
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

/** C does not check: a packet with offsets out of order must not reach it. */
function isInside({ arena, header, payload, end }: PacketBatch, i: number): boolean {
  return header[i]! <= payload[i]! && payload[i]! + TAG_LENGTH <= end[i]! && end[i]! <= arena.length;
}
