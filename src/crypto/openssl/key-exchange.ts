/**
 * X25519 (RFC 7748) through EVP_PKEY. node:crypto takes keys only as JWK or DER, whose import and export cost a third of
 * the exchange itself.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import type { CurveKeyPair } from "../hybrid.ts";
import { FIELD_LENGTH } from "../scalar.ts";
import { POINTER } from "./calls.ts";

/** The object identifier's number in OpenSSL. */
const NID_X25519 = 1034;
const LENGTH = FIELD_LENGTH.x25519;

/** Offsets in the scratch memory. */
const SIZE = 0;
const INPUT = 8;
const OUTPUT = INPUT + LENGTH;

export class OpensslX25519 {
  readonly #scratch: ForeignMemory;
  readonly #newPrivate: (...values: number[]) => number;
  readonly #newPublic: (...values: number[]) => number;
  readonly #readPublic: (...values: number[]) => number;
  readonly #freeKey: (...values: number[]) => number;
  readonly #newContext: (...values: number[]) => number;
  readonly #freeContext: (...values: number[]) => number;
  readonly #beginDerive: (...values: number[]) => number;
  readonly #setPeer: (...values: number[]) => number;
  readonly #derive: (...values: number[]) => number;
  readonly #clearErrors: (...values: number[]) => number;
  readonly #forgotten = new FinalizationRegistry<number>((key) => void this.#freeKey(key));

  /** Throws if a function is missing. */
  constructor(ffi: ForeignFunctions) {
    const process = ffi.load(null);
    this.#scratch = new ForeignMemory(ffi, OUTPUT + LENGTH);
    const newRaw = ["int", POINTER, POINTER, "size_t"];
    this.#newPrivate = process.func("EVP_PKEY_new_raw_private_key", POINTER, newRaw);
    this.#newPublic = process.func("EVP_PKEY_new_raw_public_key", POINTER, newRaw);
    this.#readPublic = process.func("EVP_PKEY_get_raw_public_key", "int", [POINTER, POINTER, POINTER]);
    this.#freeKey = process.func("EVP_PKEY_free", "void", [POINTER]);
    this.#newContext = process.func("EVP_PKEY_CTX_new", POINTER, [POINTER, POINTER]);
    this.#freeContext = process.func("EVP_PKEY_CTX_free", "void", [POINTER]);
    this.#beginDerive = process.func("EVP_PKEY_derive_init", "int", [POINTER]);
    this.#setPeer = process.func("EVP_PKEY_derive_set_peer", "int", [POINTER, POINTER]);
    this.#derive = process.func("EVP_PKEY_derive", "int", [POINTER, POINTER, POINTER]);
    this.#clearErrors = process.func("ERR_clear_error", "void", []);
  }

  keyPair(scalar: Uint8Array): CurveKeyPair {
    let key = this.#newKey(this.#newPrivate, scalar);
    if (key === 0) throw new Error("OpenSSL refused a private key");
    const publicKey = this.#result((size, output) => this.#readPublic(key, output, size));
    if (publicKey === undefined) throw new Error("OpenSSL has no public key");
    const pair: CurveKeyPair = {
      publicKey,
      deriveShared: (peerPublicKey) => {
        if (key === 0) throw new Error("the key pair has been freed");
        return peerPublicKey.length === LENGTH ? this.#exchange(key, peerPublicKey) : undefined;
      },
      free: () => {
        this.#forgotten.unregister(pair);
        this.#freeKey(key);
        key = 0;
      },
    };
    this.#forgotten.register(pair, key, pair);
    return pair;
  }

  /** Undefined if the secret is all zeros, which OpenSSL refuses (RFC 7748 §6.1, RFC 8446 §7.4.2). */
  #exchange(key: number, peerPublicKey: Uint8Array): Uint8Array | undefined {
    const peer = this.#newKey(this.#newPublic, peerPublicKey);
    const context = this.#newContext(key, 0);
    try {
      if (this.#beginDerive(context) === 1 && this.#setPeer(context, peer) === 1) {
        const secret = this.#result((size, output) => this.#derive(context, output, size));
        if (secret !== undefined) return secret;
      }
      // Otherwise node:crypto would take the error in this thread's queue for one of its next call.
      this.#clearErrors();
      return undefined;
    } finally {
      this.#freeContext(context);
      this.#freeKey(peer);
    }
  }

  #newKey(create: (...values: number[]) => number, bytes: Uint8Array): number {
    this.#scratch.bytes.set(bytes, INPUT);
    const key = create(NID_X25519, 0, this.#scratch.address + INPUT, LENGTH);
    this.#scratch.bytes.fill(0, INPUT, INPUT + LENGTH);
    return key;
  }

  /** Calls a function that writes 32 bytes and their length; undefined if it fails. */
  #result(call: (size: number, output: number) => number): Uint8Array | undefined {
    const { bytes, address } = this.#scratch;
    this.#scratch.setWord(SIZE, LENGTH);
    if (call(address + SIZE, address + OUTPUT) !== 1) {
      // Otherwise node:crypto takes OpenSSL's error for that of its own next call.
      this.#clearErrors();
      return undefined;
    }
    const result = bytes.slice(OUTPUT, OUTPUT + LENGTH);
    bytes.fill(0, OUTPUT, OUTPUT + LENGTH);
    return result;
  }
}
