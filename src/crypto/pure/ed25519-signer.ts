/** An Ed25519 private key as a `Signer`. Its signatures are deterministic, so simulator runs are reproducible. */

import { ed25519 } from "@noble/curves/ed25519.js";
import type { Signer } from "../engine.ts";

export interface Ed25519Signer extends Signer {
  /** The 32 bytes that go into a certificate. */
  readonly publicKey: Uint8Array;
}

/** `seed` is the 32-byte private key of RFC 8032 §5.1.5. */
export function createEd25519Signer(seed: Uint8Array): Ed25519Signer {
  const privateKey = seed.slice();
  return {
    schemes: ["ed25519"],
    publicKey: ed25519.getPublicKey(privateKey),
    sign: (scheme, message) => {
      if (scheme !== "ed25519") throw new TypeError(`an Ed25519 key cannot sign ${scheme}`);
      return ed25519.sign(message, privateKey);
    },
  };
}
