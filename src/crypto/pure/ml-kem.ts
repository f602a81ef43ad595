/** ML-KEM-768 on @noble/post-quantum, with randomness from the injected source. */

import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { randomBytes } from "../../base/rng.ts";
import type { MlKem } from "../hybrid.ts";

/** FIPS 203 §7.2: m. */
const MESSAGE_LENGTH = 32;

export const pureMlKem: MlKem = {
  keyPair(seed) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return {
      publicKey,
      decapsulate(ciphertext) {
        try {
          return ml_kem768.decapsulate(ciphertext, secretKey);
        } catch {
          return undefined; // The length is wrong.
        }
      },
    };
  },
  encapsulate(publicKey, rng) {
    const message = randomBytes(rng, MESSAGE_LENGTH);
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
      return { ciphertext: cipherText, secret: sharedSecret };
    } catch {
      return undefined; // FIPS 203 §7.2: a coefficient is not reduced.
    }
  },
};
