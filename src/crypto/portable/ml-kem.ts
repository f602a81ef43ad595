/**
 * ML-KEM-768 on node:crypto, which has it since Node 24.7 with OpenSSL 3.5; otherwise in JavaScript, about eight times as
 * slow. Node draws the randomness of an encapsulation itself, so a seeded source needs JavaScript too.
 */

import * as crypto from "node:crypto";
import { fromHex } from "../../wire/hex.ts";
import type { MlKem } from "../hybrid.ts";
import { pureMlKem } from "../pure/ml-kem.ts";
import { plain } from "./hashing.ts";

/** Not in the types of the oldest supported Node. */
interface WithKem {
  encapsulate(key: crypto.KeyObject): { readonly sharedKey: Buffer; readonly ciphertext: Buffer };
  decapsulate(key: crypto.KeyObject, ciphertext: Uint8Array): Buffer;
}

/** The PrivateKeyInfo prefix of a key given by its seed (RFC 9935 §6), and the prefix of a SubjectPublicKeyInfo. */
const PKCS8_PREFIX = fromHex("3054020100300b060960864801650304040204428040");
const SPKI_PREFIX = fromHex("308204b2300b0609608648016503040402038204a100");

function nativeMlKem(native: WithKem): MlKem {
  return {
    keyPair(seed) {
      const der = Buffer.concat([PKCS8_PREFIX, seed]);
      const privateKey = crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" });
      der.fill(0);
      const spki = crypto.createPublicKey(privateKey).export({ format: "der", type: "spki" });
      return {
        publicKey: plain(spki).slice(SPKI_PREFIX.length),
        decapsulate(ciphertext) {
          try {
            return plain(native.decapsulate(privateKey, ciphertext));
          } catch {
            return undefined; // The length is wrong.
          }
        },
      };
    },
    encapsulate(publicKey, rng) {
      if (rng.isFromSystem !== true) return pureMlKem.encapsulate(publicKey, rng);
      try {
        const key = Buffer.concat([SPKI_PREFIX, publicKey]);
        const { sharedKey, ciphertext } = native.encapsulate(
          crypto.createPublicKey({ key, format: "der", type: "spki" }),
        );
        return { ciphertext: plain(ciphertext), secret: plain(sharedKey) };
      } catch {
        return undefined; // FIPS 203 §7.2: a coefficient is not reduced.
      }
    },
  };
}

/** True if this Node's OpenSSL knows ML-KEM and keys given by a seed. */
function isNative(): boolean {
  if (!("encapsulate" in crypto)) return false;
  try {
    nativeMlKem(crypto as unknown as WithKem).keyPair(new Uint8Array(64));
    return true;
  } catch {
    return false;
  }
}

export const portableMlKem: MlKem = isNative() ? nativeMlKem(crypto as unknown as WithKem) : pureMlKem;
