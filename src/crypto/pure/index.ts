/**
 * The engine on audited JavaScript: for the simulator and browsers, and as a cross-check in tests. Experimental.
 *
 * @module nagare/crypto/pure
 */

import type { CryptoEngine } from "../engine.ts";
import { createKeyExchange } from "../hybrid.ts";
import { aeadOpen, aeadSeal, PurePacketKey } from "./aead.ts";
import { createRunningHash, hash, hmac } from "./hashing.ts";
import { createHeaderKey } from "./header-key.ts";
import { curveKeyPair } from "./key-exchange.ts";
import { pureMlKem } from "./ml-kem.ts";
import { verify } from "./signatures.ts";

export { createEd25519Signer, type Ed25519Signer } from "./ed25519-signer.ts";

/** The engine in JavaScript: the same results on every platform, without node:crypto. */
export const pureEngine: CryptoEngine = {
  name: "pure",
  createHash: createRunningHash,
  hash,
  hmac,
  createPacketKey: (aead, key, iv) => new PurePacketKey(aead, key, iv),
  createHeaderKey,
  aeadSeal,
  aeadOpen,
  ...createKeyExchange(curveKeyPair, pureMlKem),
  verify,
};
