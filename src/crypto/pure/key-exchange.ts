/** Ephemeral Diffie-Hellman on @noble/curves (RFC 8446 §7.4.2). */

import { x25519 } from "@noble/curves/ed25519.js";
import { p256, p384 } from "@noble/curves/nist.js";
import type { Rng } from "../../base/rng.ts";
import type { CurveName, KeyPair } from "../engine.ts";
import { drawScalar, FIELD_LENGTH, isUncompressedPoint } from "../scalar.ts";

export function curveKeyPair(group: CurveName, rng: Rng): KeyPair {
  const scalar = drawScalar(group, rng);
  return group === "x25519" ? createX25519KeyPair(scalar) : createNistKeyPair(group, scalar);
}

function createX25519KeyPair(scalar: Uint8Array): KeyPair {
  return {
    publicKey: x25519.getPublicKey(scalar),
    deriveShared: (peerPublicKey) => {
      if (peerPublicKey.length !== FIELD_LENGTH.x25519) return undefined;
      try {
        return x25519.getSharedSecret(scalar, peerPublicKey);
      } catch {
        return undefined; // The all-zero secret of a small-order point (RFC 7748 §6.1, RFC 8446 §7.4.2).
      }
    },
  };
}

function createNistKeyPair(group: "secp256r1" | "secp384r1", scalar: Uint8Array): KeyPair {
  const curve = group === "secp256r1" ? p256 : p384;
  return {
    publicKey: curve.getPublicKey(scalar, false),
    deriveShared: (peerPublicKey) => {
      if (!isUncompressedPoint(peerPublicKey, group)) return undefined;
      try {
        // RFC 8446 §7.4.2: the secret is the x-coordinate; noble returns the whole compressed point.
        return curve.getSharedSecret(scalar, peerPublicKey).slice(1);
      } catch {
        return undefined; // Not on the curve.
      }
    },
  };
}
