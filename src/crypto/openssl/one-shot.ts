/**
 * Single-shot AEAD, for tickets and tokens. node:crypto makes a key object, a cipher object and two buffers for each; here
 * one context per cipher and direction takes the key anew.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import { type AeadName, TAG_LENGTH } from "../engine.ts";
import { type ContextPointer, DECRYPT, ENCRYPT, type Evp } from "./evp.ts";

/** Longer input is rare; the portable engine takes it. */
export const MAX_ONE_SHOT = 2048;

export class OneShotAead {
  readonly #evp: Evp;
  readonly #ciphers: ReadonlyMap<AeadName, number>;
  readonly #memory: ForeignMemory;
  readonly #contexts = new Map<string, ContextPointer>();

  constructor(ffi: ForeignFunctions, evp: Evp, ciphers: ReadonlyMap<AeadName, number>) {
    this.#evp = evp;
    this.#ciphers = ciphers;
    this.#memory = new ForeignMemory(ffi, 2 * MAX_ONE_SHOT);
  }

  seal(aead: AeadName, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const context = this.#begin(aead, ENCRYPT, key, nonce, aad);
    const { bytes, address } = this.#memory;
    bytes.set(plaintext);
    if (plaintext.length > 0) this.#evp.transform(context, address, address, plaintext.length);
    if (!this.#evp.end(context)) throw new Error("OpenSSL could not seal");
    this.#evp.readTag(context, address + plaintext.length, TAG_LENGTH);
    return bytes.slice(0, plaintext.length + TAG_LENGTH);
  }

  /** Undefined if the tag does not verify. */
  open(
    aead: AeadName,
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined {
    const length = ciphertext.length - TAG_LENGTH;
    if (length < 0) return undefined;
    const context = this.#begin(aead, DECRYPT, key, nonce, aad);
    const { bytes, address } = this.#memory;
    bytes.set(ciphertext);
    this.#evp.writeTag(context, address + length, TAG_LENGTH);
    if (length > 0) this.#evp.transform(context, address, address, length);
    const plaintext = this.#evp.end(context) ? bytes.slice(0, length) : undefined;
    bytes.fill(0, 0, length);
    return plaintext;
  }

  #begin(aead: AeadName, direction: number, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): ContextPointer {
    const name = `${aead} ${direction}`;
    const known = this.#contexts.get(name);
    const context = known ?? this.#evp.createContext(this, this.#ciphers.get(aead)!, key, direction);
    if (known === undefined) this.#contexts.set(name, context);
    else this.#evp.setKey(context, key);
    this.#evp.iv.set(nonce);
    this.#evp.begin(context);
    this.#memory.bytes.set(aad, MAX_ONE_SHOT);
    this.#evp.authenticate(context, this.#memory.address + MAX_ONE_SHOT, aad.length);
    return context;
  }
}
