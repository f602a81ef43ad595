/**
 * The engine on node:crypto, so available on every Node. Experimental.
 *
 * @module nagare/crypto/portable
 */

import type { CryptoEngine } from "../engine.ts";
import { createKeyExchange } from "../hybrid.ts";
import { aeadOpen, aeadSeal, PortablePacketKey } from "./aead.ts";
import { createRunningHash, hash, hmac } from "./hashing.ts";
import { createHeaderKey } from "./header-key.ts";
import { curveKeyPair } from "./key-exchange.ts";
import { portableMlKem } from "./ml-kem.ts";
import { verify } from "./signatures.ts";

/** The engine on node:crypto. */
export const portableEngine: CryptoEngine = {
  name: "portable",
  createHash: createRunningHash,
  hash,
  hmac,
  createPacketKey: (aead, key, iv) => new PortablePacketKey(aead, key, iv),
  createHeaderKey,
  aeadSeal,
  aeadOpen,
  ...createKeyExchange(curveKeyPair, portableMlKem),
  verify,
};
