/**
 * Parses a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) far enough to identify its kind of key. Every engine calls this
 * first, so that all reject the same keys: other algorithms, explicit curve parameters, unreasonable sizes.
 */

import { fromHex } from "../wire/hex.ts";
import { equalBytes } from "../wire/text.ts";
import { DerReader, Tag } from "./der.ts";
import type { SignatureSchemeName } from "./engine.ts";

export type PublicKey =
  | { readonly kind: "rsa"; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly kind: "secp256r1" | "secp384r1"; readonly point: Uint8Array }
  | { readonly kind: "ed25519"; readonly point: Uint8Array };

/** The kind of key that each scheme requires (RFC 8446 §4.2.3); "rsae" means the rsaEncryption OID. */
export const KEY_KIND: Readonly<Record<SignatureSchemeName, PublicKey["kind"]>> = {
  ecdsa_secp256r1_sha256: "secp256r1",
  ecdsa_secp384r1_sha384: "secp384r1",
  ed25519: "ed25519",
  rsa_pss_rsae_sha256: "rsa",
  rsa_pss_rsae_sha384: "rsa",
  rsa_pss_rsae_sha512: "rsa",
};

/** A smaller key is worthless, a larger one only costs time. */
const MIN_RSA_BYTES = 1024 / 8;
const MAX_RSA_BYTES = 8192 / 8;
/** The exponent is 65537 in practice; a long one makes verification slow. */
const MAX_RSA_EXPONENT_BYTES = 4;

const OID_RSA_ENCRYPTION = fromHex("2a864886f70d010101");
const OID_EC_PUBLIC_KEY = fromHex("2a8648ce3d0201");
const OID_SECP256R1 = fromHex("2a8648ce3d030107");
const OID_SECP384R1 = fromHex("2b81040022");
const OID_ED25519 = fromHex("2b6570");

/** Returns undefined if the bytes are not DER, or hold a key of another kind or of unreasonable size. */
export function parsePublicKey(spki: Uint8Array): PublicKey | undefined {
  const outer = new DerReader(spki);
  const info = outer.enter(Tag.sequence);
  const algorithm = info?.enter(Tag.sequence);
  const oid = algorithm?.take(Tag.oid);
  const key = info?.bitString();
  if (!outer.isDone || info === undefined || !info.isDone || algorithm === undefined || oid === undefined)
    return undefined;
  if (key === undefined) return undefined;
  if (equalBytes(oid, OID_RSA_ENCRYPTION)) return parseRsa(algorithm, key);
  if (equalBytes(oid, OID_EC_PUBLIC_KEY)) return parseEc(algorithm, key);
  if (equalBytes(oid, OID_ED25519)) {
    // RFC 8410 §3: no parameters.
    return algorithm.isDone && key.length === 32 ? { kind: "ed25519", point: key } : undefined;
  }
  return undefined;
}

function parseRsa(algorithm: DerReader, key: Uint8Array): PublicKey | undefined {
  // RFC 3279 §2.3.1: the parameters are NULL.
  if (algorithm.take(Tag.null)?.length !== 0 || !algorithm.isDone) return undefined;
  const outer = new DerReader(key);
  const sequence = outer.enter(Tag.sequence);
  const modulus = sequence?.unsigned();
  const exponent = sequence?.unsigned();
  if (!outer.isDone || sequence === undefined || !sequence.isDone || modulus === undefined || exponent === undefined)
    return undefined;
  if (modulus.length < MIN_RSA_BYTES || modulus.length > MAX_RSA_BYTES) return undefined;
  if (exponent.length > MAX_RSA_EXPONENT_BYTES) return undefined;
  const isOdd = (number: Uint8Array): boolean => (number[number.length - 1]! & 1) === 1;
  const isOne = exponent.length === 1 && exponent[0] === 1;
  return isOdd(modulus) && isOdd(exponent) && !isOne ? { kind: "rsa", modulus, exponent } : undefined;
}

function parseEc(algorithm: DerReader, point: Uint8Array): PublicKey | undefined {
  // RFC 5480 §2.1.1: only named curves.
  const curve = algorithm.take(Tag.oid);
  if (curve === undefined || !algorithm.isDone) return undefined;
  if (equalBytes(curve, OID_SECP256R1)) return isPoint(point, 32) ? { kind: "secp256r1", point } : undefined;
  if (equalBytes(curve, OID_SECP384R1)) return isPoint(point, 48) ? { kind: "secp384r1", point } : undefined;
  return undefined;
}

/** Uncompressed or compressed (RFC 5480 §2.2). The engine checks that the point lies on the curve. */
const isPoint = (point: Uint8Array, fieldLength: number): boolean =>
  (point.length === 1 + 2 * fieldLength && point[0] === 4) ||
  (point.length === 1 + fieldLength && (point[0] === 2 || point[0] === 3));
