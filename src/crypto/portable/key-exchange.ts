/** Ephemeral Diffie-Hellman on node:crypto (RFC 8446 §7.4.2), with scalars from the injected source. */

import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type ECDH, type KeyObject } from "node:crypto";
import type { Rng } from "../../base/rng.ts";
import { fromHex } from "../../wire/hex.ts";
import type { CurveName, KeyPair } from "../engine.ts";
import { drawScalar, FIELD_LENGTH, isUncompressedPoint } from "../scalar.ts";
import { plain } from "./hashing.ts";

export function curveKeyPair(group: CurveName, rng: Rng): KeyPair {
  const scalar = drawScalar(group, rng);
  return group === "x25519" ? new X25519KeyPair(scalar) : new NistKeyPair(group, scalar);
}

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");

/** The PrivateKeyInfo prefix of a 32-byte X25519 private key (RFC 8410 §7). */
const PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420");

/** A valid JWK needs a public half. Up to Node 24 any value will do, because Node computes the right one. */
function fromJwk(scalar: Uint8Array): KeyObject {
  const d = base64url(scalar);
  return createPrivateKey({ key: { kty: "OKP", crv: "X25519", d, x: d }, format: "jwk" });
}

function fromPkcs8(scalar: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, scalar]);
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" });
  key.fill(0);
  return privateKey;
}

const publicHalf = (key: KeyObject): string => key.export({ format: "jwk" }).x!;

/**
 * Node 26 rejects a JWK whose halves do not match. On Node 20 JWK is ten times as fast as PKCS#8; in between they are
 * equal.
 */
function computesPublicHalf(): boolean {
  const scalar = new Uint8Array(32).fill(1);
  try {
    return publicHalf(fromJwk(scalar)) === publicHalf(fromPkcs8(scalar));
  } catch {
    return false;
  }
}

const importPrivateKey = computesPublicHalf() ? fromJwk : fromPkcs8;

class X25519KeyPair implements KeyPair {
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor(scalar: Uint8Array) {
    this.#privateKey = importPrivateKey(scalar);
    this.publicKey = plain(Buffer.from(publicHalf(this.#privateKey), "base64url"));
  }

  deriveShared(peerPublicKey: Uint8Array): Uint8Array | undefined {
    if (peerPublicKey.length !== FIELD_LENGTH.x25519) return undefined;
    try {
      const key = { kty: "OKP", crv: "X25519", x: base64url(peerPublicKey) };
      const publicKey = createPublicKey({ key, format: "jwk" });
      // OpenSSL rejects the all-zero secret of a small-order point (RFC 7748 §6.1, RFC 8446 §7.4.2).
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
