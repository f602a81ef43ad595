/** Signature verification: the curves on @noble/curves, RSA-PSS in this folder. */

import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import type { SignatureSchemeName } from "../engine.ts";
import { KEY_KIND, parsePublicKey } from "../public-key.ts";
import { type PssHash, verifyRsaPss } from "./rsa-pss.ts";

const PSS_HASH: Readonly<Partial<Record<SignatureSchemeName, PssHash>>> = {
  rsa_pss_rsae_sha256: "sha256",
  rsa_pss_rsae_sha384: "sha384",
  rsa_pss_rsae_sha512: "sha512",
};

/** RFC 8446 §4.2.3: ECDSA signatures are DER; low s is not required. */
const ECDSA = { format: "der", lowS: false, prehash: true } as const;
/** Strictly as in RFC 8032. */
const EDDSA = { zip215: false } as const;

export function verify(
  scheme: SignatureSchemeName,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = parsePublicKey(spki);
  if (key === undefined || key.kind !== KEY_KIND[scheme]) return false;
  try {
    switch (key.kind) {
      case "secp256r1":
        return p256.verify(signature, message, key.point, ECDSA);
      case "secp384r1":
        return p384.verify(signature, message, key.point, ECDSA);
      case "ed25519":
        return ed25519.verify(signature, message, key.point, EDDSA);
      case "rsa":
        return verifyRsaPss(PSS_HASH[scheme]!, key, message, signature);
    }
  } catch {
    return false; // Malformed signature, or a point off the curve.
  }
}
