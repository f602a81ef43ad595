/** A `Signer` with a local private key. */

import { constants, type KeyObject, sign } from "node:crypto";
import type { SignatureSchemeName, Signer } from "../../crypto/index.ts";

const HASH: Readonly<Record<SignatureSchemeName, string | null>> = {
  ecdsa_secp256r1_sha256: "sha256",
  ecdsa_secp384r1_sha384: "sha384",
  ed25519: null,
  rsa_pss_rsae_sha256: "sha256",
  rsa_pss_rsae_sha384: "sha384",
  rsa_pss_rsae_sha512: "sha512",
};

const RSA_SCHEMES = ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"] as const;
const DIGEST_LENGTH = { rsa_pss_rsae_sha256: 32, rsa_pss_rsae_sha384: 48, rsa_pss_rsae_sha512: 64 } as const;

/** The TLS 1.3 signature schemes of the key, in order of preference; empty for an unsupported key. */
export function schemesOf(key: KeyObject): readonly SignatureSchemeName[] {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return ["ed25519"];
    case "rsa": {
      // RFC 8017 §9.1.1: room for the digest, a salt of the same length, and two bytes. Keys of 1024 bits have none for SHA-512.
      const room = Math.ceil((key.asymmetricKeyDetails!.modulusLength! - 1) / 8);
      return RSA_SCHEMES.filter((scheme) => room >= 2 * DIGEST_LENGTH[scheme] + 2);
    }
    case "ec":
      switch (key.asymmetricKeyDetails?.namedCurve) {
        case "prime256v1":
          return ["ecdsa_secp256r1_sha256"];
        case "secp384r1":
          return ["ecdsa_secp384r1_sha384"];
      }
  }
  return [];
}

export function createSigner(key: KeyObject): Signer {
  const schemes = schemesOf(key);
  return {
    schemes,
    sign: (scheme, message) => {
      if (!schemes.includes(scheme)) throw new TypeError(`this ${key.asymmetricKeyType} key cannot sign ${scheme}`);
      const hash = HASH[scheme];
      if (key.asymmetricKeyType !== "rsa") return plain(sign(hash, message, key));
      // RFC 8446 §4.2.3: the salt is as long as the digest.
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return plain(sign(hash, message, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }));
    },
  };
}

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
