/**
 * A SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) taken apart far enough to know what kind of key it is. Every engine asks here
 * first, so that all of them refuse the same keys: other algorithms, explicit curve parameters, sizes beyond reason.
 */

import { fromHex } from "../wire/hex.ts";
import { equalBytes } from "../wire/text.ts";
import type { SignatureSchemeName } from "./engine.ts";

export type PublicKey =
  | { readonly kind: "rsa"; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  | { readonly kind: "secp256r1" | "secp384r1"; readonly point: Uint8Array }
  | { readonly kind: "ed25519"; readonly point: Uint8Array };

/** What kind of key a scheme signs with (RFC 8446 §4.2.3); "rsae" means the rsaEncryption OID. */
export const KEY_KIND: Readonly<Record<SignatureSchemeName, PublicKey["kind"]>> = {
  ecdsa_secp256r1_sha256: "secp256r1",
  ecdsa_secp384r1_sha384: "secp384r1",
  ed25519: "ed25519",
  rsa_pss_rsae_sha256: "rsa",
  rsa_pss_rsae_sha384: "rsa",
  rsa_pss_rsae_sha512: "rsa",
};

/** Below the first a key is worth nothing, above the second it only costs time. */
const MIN_RSA_BYTES = 1024 / 8;
const MAX_RSA_BYTES = 8192 / 8;
/** The exponent is 65537 in practice; a long one makes verification slow. */
const MAX_RSA_EXPONENT_BYTES = 4;

const TAG = { integer: 0x02, bitString: 0x03, null: 0x05, oid: 0x06, sequence: 0x30 } as const;

const OID_RSA_ENCRYPTION = fromHex("2a864886f70d010101");
const OID_EC_PUBLIC_KEY = fromHex("2a8648ce3d0201");
const OID_SECP256R1 = fromHex("2a8648ce3d030107");
const OID_SECP384R1 = fromHex("2b81040022");
const OID_ED25519 = fromHex("2b6570");

/** Undefined when the bytes are not DER, hold a key of another kind, or one of unreasonable size. */
export function parsePublicKey(spki: Uint8Array): PublicKey | undefined {
  const outer = new DerCursor(spki);
  const info = outer.enter(TAG.sequence);
  const algorithm = info?.enter(TAG.sequence);
  const oid = algorithm?.take(TAG.oid);
  const bits = info?.take(TAG.bitString);
  if (!outer.isDone || info === undefined || !info.isDone || algorithm === undefined || oid === undefined)
    return undefined;
  // A key is a whole number of bytes.
  if (bits === undefined || bits[0] !== 0) return undefined;
  const key = bits.subarray(1);
  if (equalBytes(oid, OID_RSA_ENCRYPTION)) return parseRsa(algorithm, key);
  if (equalBytes(oid, OID_EC_PUBLIC_KEY)) return parseEc(algorithm, key);
  if (equalBytes(oid, OID_ED25519)) {
    // RFC 8410 §3: no parameters.
    return algorithm.isDone && key.length === 32 ? { kind: "ed25519", point: key } : undefined;
  }
  return undefined;
}

function parseRsa(algorithm: DerCursor, key: Uint8Array): PublicKey | undefined {
  // RFC 3279 §2.3.1: the parameters are NULL.
  if (algorithm.take(TAG.null)?.length !== 0 || !algorithm.isDone) return undefined;
  const outer = new DerCursor(key);
  const sequence = outer.enter(TAG.sequence);
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

function parseEc(algorithm: DerCursor, point: Uint8Array): PublicKey | undefined {
  // RFC 5480 §2.1.1: only named curves.
  const curve = algorithm.take(TAG.oid);
  if (curve === undefined || !algorithm.isDone) return undefined;
  if (equalBytes(curve, OID_SECP256R1)) return isPoint(point, 32) ? { kind: "secp256r1", point } : undefined;
  if (equalBytes(curve, OID_SECP384R1)) return isPoint(point, 48) ? { kind: "secp384r1", point } : undefined;
  return undefined;
}

/** Uncompressed or compressed (RFC 5480 §2.2); whether it lies on the curve is the engine's to say. */
const isPoint = (point: Uint8Array, fieldLength: number): boolean =>
  (point.length === 1 + 2 * fieldLength && point[0] === 4) ||
  (point.length === 1 + fieldLength && (point[0] === 2 || point[0] === 3));

/** Reads DER values one after another; everything that is not as expected is undefined. */
class DerCursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The contents of the next value if it has this tag. */
  take(tag: number): Uint8Array | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] !== tag) return undefined;
    let length = bytes[at + 1];
    at += 2;
    if (length === undefined || length === 0x80) return undefined;
    if (length > 0x80) {
      const octets = length - 0x80;
      if (octets > 3 || at + octets > bytes.length || bytes[at] === 0) return undefined;
      length = 0;
      for (let i = 0; i < octets; i += 1) length = (length << 8) | bytes[at + i]!;
      // DER: the shortest form (X.690 §10.1).
      if (length < 0x80) return undefined;
      at += octets;
    }
    if (at + length > bytes.length) return undefined;
    this.#at = at + length;
    return bytes.subarray(at, at + length);
  }

  enter(tag: number): DerCursor | undefined {
    const contents = this.take(tag);
    return contents === undefined ? undefined : new DerCursor(contents);
  }

  /** A positive INTEGER, without the zero byte that keeps it positive. */
  unsigned(): Uint8Array | undefined {
    const contents = this.take(TAG.integer);
    if (contents === undefined || contents.length === 0 || contents[0]! >= 0x80) return undefined;
    if (contents[0] !== 0) return contents;
    // DER: no needless leading zero (X.690 §8.3.2); zero itself is no key.
    return contents.length > 1 && contents[1]! >= 0x80 ? contents.subarray(1) : undefined;
  }
}
