/**
 * The engine on the node binary's own OpenSSL, without node:crypto's cost per packet. It protects packets; everything
 * else is the portable engine's.
 */

import type { ForeignFunctions } from "../../base/foreign.ts";
import type { AeadName, CryptoEngine } from "../engine.ts";
import { portableEngine } from "../portable/index.ts";
import { Evp } from "./evp.ts";
import { MASK_CIPHERS, OpensslHeaderKey } from "./header-key.ts";
import { checkAnswers } from "./known-answers.ts";
import { AEAD_CIPHERS, OpensslPacketKey } from "./packet-key.ts";

const AEADS = Object.keys(AEAD_CIPHERS) as AeadName[];

/** Throws if the binary lacks a function or a cipher, or if it computes anything wrong. */
export function createOpensslEngine(ffi: ForeignFunctions): CryptoEngine {
  const evp = new Evp(ffi);
  const ciphers = (names: Readonly<Record<AeadName, string>>): ReadonlyMap<AeadName, number> =>
    new Map(AEADS.map((aead) => [aead, evp.cipher(names[aead])]));
  const packetCiphers = ciphers(AEAD_CIPHERS);
  const maskCiphers = ciphers(MASK_CIPHERS);
  const engine: CryptoEngine = {
    ...portableEngine,
    name: "openssl",
    createPacketKey: (aead, key, iv) => new OpensslPacketKey(evp, packetCiphers.get(aead)!, key, iv),
    createHeaderKey: (aead, key) => new OpensslHeaderKey(evp, aead, maskCiphers.get(aead)!, key),
  };
  checkAnswers(engine);
  return engine;
}
