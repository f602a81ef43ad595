/**
 * The engine on the node binary's own OpenSSL, without node:crypto's cost per call. It protects packets, hashes, and
 * exchanges keys over X25519; everything else is the portable engine's.
 */

import type { ForeignFunctions } from "../../base/foreign.ts";
import { type AeadName, type CryptoEngine, TAG_LENGTH } from "../engine.ts";
import { createKeyExchange } from "../hybrid.ts";
import { portableEngine } from "../portable/index.ts";
import { curveKeyPair } from "../portable/key-exchange.ts";
import { portableMlKem } from "../portable/ml-kem.ts";
import { drawScalar } from "../scalar.ts";
import { Evp } from "./evp.ts";
import { OpensslHashing } from "./hashing.ts";
import { MASK_CIPHERS, OpensslHeaderKey } from "./header-key.ts";
import { OpensslX25519 } from "./key-exchange.ts";
import { checkAnswers } from "./known-answers.ts";
import { MAX_ONE_SHOT, OneShotAead } from "./one-shot.ts";
import { type PacketCalls, SinglePacketCalls } from "./packet-calls.ts";
import { AEAD_CIPHERS, OpensslPacketKey } from "./packet-key.ts";
import { PacketCallList } from "./packet-list.ts";

const AEADS = Object.keys(AEAD_CIPHERS) as AeadName[];

export interface OpensslOptions {
  /** Try to run the calls for a whole batch in one crossing, by machine code. Only for x86-64 Linux. */
  readonly callList: boolean;
}

/** Throws if the binary lacks a function or a cipher, or if it computes anything wrong. */
export function createOpensslEngine(ffi: ForeignFunctions, options: OpensslOptions): CryptoEngine {
  const evp = new Evp(ffi);
  try {
    return engineOn(evp, ffi, options);
  } finally {
    evp.forgetErrors();
  }
}

function engineOn(evp: Evp, ffi: ForeignFunctions, { callList }: OpensslOptions): CryptoEngine {
  const ciphers = (names: Readonly<Record<AeadName, string>>): ReadonlyMap<AeadName, number> =>
    new Map(AEADS.map((aead) => [aead, evp.cipher(names[aead])]));
  const packetCiphers = ciphers(AEAD_CIPHERS);
  const maskCiphers = ciphers(MASK_CIPHERS);
  const hashing = new OpensslHashing(ffi);
  const oneShot = new OneShotAead(ffi, evp, packetCiphers);
  const x25519 = new OpensslX25519(ffi);
  const base: Omit<CryptoEngine, "createPacketKey"> = {
    ...portableEngine,
    name: "openssl",
    createHash: (hash) => hashing.createHash(hash),
    hash: (hash, bytes) => hashing.hash(hash, bytes),
    hmac: (hash, key, bytes, length) => hashing.hmac(hash, key, bytes, length),
    aeadSeal: (aead, key, nonce, aad, plaintext) =>
      Math.max(aad.length, plaintext.length + TAG_LENGTH) > MAX_ONE_SHOT
        ? portableEngine.aeadSeal(aead, key, nonce, aad, plaintext)
        : oneShot.seal(aead, key, nonce, aad, plaintext),
    aeadOpen: (aead, key, nonce, aad, ciphertext) =>
      Math.max(aad.length, ciphertext.length) > MAX_ONE_SHOT
        ? portableEngine.aeadOpen(aead, key, nonce, aad, ciphertext)
        : oneShot.open(aead, key, nonce, aad, ciphertext),
    ...createKeyExchange(
      (curve, rng) => (curve === "x25519" ? x25519.keyPair(drawScalar(curve, rng)) : curveKeyPair(curve, rng)),
      portableMlKem,
    ),
    createHeaderKey: (aead, key) => new OpensslHeaderKey(evp, aead, maskCiphers.get(aead)!, key),
  };
  const engineWith = (calls: PacketCalls, detail: string): CryptoEngine => {
    const engine: CryptoEngine = {
      ...base,
      detail,
      createPacketKey: (aead, key, iv) => new OpensslPacketKey(evp, calls, packetCiphers.get(aead)!, key, iv),
    };
    checkAnswers(engine);
    return engine;
  };
  if (!callList) return engineWith(new SinglePacketCalls(evp), "call by call");
  try {
    return engineWith(new PacketCallList(ffi, evp), "a batch in one call");
  } catch (error) {
    return engineWith(new SinglePacketCalls(evp), `call by call: ${(error as Error).message}`);
  }
}
