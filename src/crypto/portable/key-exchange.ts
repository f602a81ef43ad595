/** Ephemeral Diffie-Hellman on node:crypto (RFC 8446 §7.4.2), with scalars from the injected source. */

import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type ECDH, type KeyObject } from "node:crypto";
import type { Rng } from "../../base/rng.ts";
import type { GroupName, KeyPair } from "../engine.ts";
import { drawScalar, FIELD_LENGTH, isUncompressedPoint } from "../scalar.ts";
import { plain } from "./hashing.ts";

export function generateKeyPair(group: GroupName, rng: Rng): KeyPair {
  const scalar = drawScalar(group, rng);
  return group === "x25519" ? new X25519KeyPair(scalar) : new NistKeyPair(group, scalar);
}

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");

/** Keys come and go as JWK: on Node 20 that is ten times faster than DER. */
class X25519KeyPair implements KeyPair {
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor(scalar: Uint8Array) {
    const d = base64url(scalar);
    // The public half has to be present to be well formed, and is computed from the private one all the same.
    this.#privateKey = createPrivateKey({ key: { kty: "OKP", crv: "X25519", d, x: d }, format: "jwk" });
    this.publicKey = plain(Buffer.from(this.#privateKey.export({ format: "jwk" }).x!, "base64url"));
  }

  deriveShared(peerPublicKey: Uint8Array): Uint8Array | undefined {
    if (peerPublicKey.length !== FIELD_LENGTH.x25519) return undefined;
    try {
      const key = { kty: "OKP", crv: "X25519", x: base64url(peerPublicKey) };
      const publicKey = createPublicKey({ key, format: "jwk" });
      // OpenSSL refuses the all-zero secret of a point of small order (RFC 7748 §6.1, RFC 8446 §7.4.2).
      return plain(diffieHellman({ privateKey: this.#privateKey, publicKey }));
    } catch {
      return undefined;
    }
  }
}

class NistKeyPair implements KeyPair {
  readonly publicKey: Uint8Array;
  readonly #group: "secp256r1" | "secp384r1";
  readonly #ecdh: ECDH;

  constructor(group: "secp256r1" | "secp384r1", scalar: Uint8Array) {
    this.#group = group;
    this.#ecdh = createECDH(group === "secp256r1" ? "prime256v1" : "secp384r1");
    this.#ecdh.setPrivateKey(scalar);
    this.publicKey = plain(this.#ecdh.getPublicKey());
  }

  deriveShared(peerPublicKey: Uint8Array): Uint8Array | undefined {
    if (!isUncompressedPoint(peerPublicKey, this.#group)) return undefined;
    try {
      return plain(this.#ecdh.computeSecret(peerPublicKey));
    } catch {
      return undefined; // Not on the curve.
    }
  }
}
