/** Builds X.509 certificates (RFC 5280 §4.1) for development and tests. */

import { createHash, type KeyObject, sign } from "node:crypto";
import { contextTag, DerReader, Tag } from "../../crypto/index.ts";
import { fromHex } from "../../wire/hex.ts";
import { concat, utf8 } from "../../wire/text.ts";
import {
  addressBytes,
  bitString,
  boolean,
  der,
  flags,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  time,
  unsigned,
} from "./der-writer.ts";

export interface CertificateFields {
  readonly serial: Uint8Array;
  /** DER Names. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER Extensions, in order. */
  readonly extensions: readonly Uint8Array[];
}

/** The digest with which a key signs certificates. */
export type SignatureHash = "sha1" | "sha256" | "sha384" | "sha512";

const SIGNATURE_OID: Readonly<Record<string, string>> = {
  "rsa sha1": "1.2.840.113549.1.1.5",
  "rsa sha256": "1.2.840.113549.1.1.11",
  "rsa sha384": "1.2.840.113549.1.1.12",
  "rsa sha512": "1.2.840.113549.1.1.13",
  "ec sha1": "1.2.840.10045.4.1",
  "ec sha256": "1.2.840.10045.4.3.2",
  "ec sha384": "1.2.840.10045.4.3.3",
  "ec sha512": "1.2.840.10045.4.3.4",
};

/** The AlgorithmIdentifier of a signature by this key. */
export function signatureAlgorithm(key: KeyObject, hash: SignatureHash): Uint8Array {
  // RFC 8410 §3: Ed25519 has no parameters; RFC 3279 §2.2.1: RSA has NULL; §2.2.3: ECDSA has none.
  if (key.asymmetricKeyType === "ed25519") return sequence(oid("1.3.101.112"));
  const identifier = oid(SIGNATURE_OID[`${key.asymmetricKeyType} ${hash}`]!);
  return key.asymmetricKeyType === "rsa" ? sequence(identifier, nullValue()) : sequence(identifier);
}

/** Returns the certificate in DER, signed with the issuer's private key. */
export function signCertificate(fields: CertificateFields, key: KeyObject, hash: SignatureHash = "sha256"): Uint8Array {
  const algorithm = signatureAlgorithm(key, hash);
  const version3 = der(contextTag(0, true), integer(2));
  const extensions = der(contextTag(3, true), sequence(...fields.extensions));
  const tbsCertificate = sequence(
    ...(fields.extensions.length > 0 ? [version3] : []),
    unsigned(fields.serial),
    algorithm,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.spki,
    ...(fields.extensions.length > 0 ? [extensions] : []),
  );
  const signature = sign(key.asymmetricKeyType === "ed25519" ? null : hash, tbsCertificate, key);
  return sequence(tbsCertificate, algorithm, bitString(signature));
}

export const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value));

/** RFC 5280 §4.2.1.9. */
export const basicConstraints = (ca: boolean, pathLength?: number): Uint8Array =>
  extension(
    "2.5.29.19",
    true,
    ca ? sequence(boolean(true), ...(pathLength === undefined ? [] : [integer(pathLength)])) : sequence(),
  );

/** The bits of RFC 5280 §4.2.1.3. */
export const KeyUsage = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  crlSign: 6,
} as const;

export const keyUsage = (...bits: readonly number[]): Uint8Array => extension("2.5.29.15", true, flags(bits));

/** RFC 5280 §4.2.1.12. */
export const Purpose = {
  any: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

export const extendedKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension("2.5.29.37", false, sequence(...purposes.map(oid)));

/** A dNSName, or an iPAddress for a literal (RFC 5280 §4.2.1.6). */
export function generalName(name: string): Uint8Array {
  const address = addressBytes(name);
  return address === undefined ? der(contextTag(2, false), utf8(name)) : der(contextTag(7, false), address);
}

export const subjectAltName = (...names: readonly string[]): Uint8Array =>
  extension("2.5.29.17", false, sequence(...names.map(generalName)));

/** DNS suffixes, and ranges such as "10.0.0.0/8" (RFC 5280 §4.2.1.10). */
export function nameConstraints(permitted: readonly string[], excluded: readonly string[]): Uint8Array {
  const subtrees = (number: number, list: readonly string[]): Uint8Array[] =>
    list.length === 0 ? [] : [der(contextTag(number, true), ...list.map((name) => sequence(constraintName(name))))];
  return extension("2.5.29.30", true, sequence(...subtrees(0, permitted), ...subtrees(1, excluded)));
}

function constraintName(name: string): Uint8Array {
  const [literal = "", prefix] = name.split("/");
  const address = prefix === undefined ? undefined : addressBytes(literal);
  if (address === undefined) return der(contextTag(2, false), utf8(name));
  const mask = address.map((_, i) => (0xff00 >> Math.min(8, Math.max(0, Number(prefix) - i * 8))) & 0xff);
  return der(contextTag(7, false), address, mask);
}

/** The hash of the key's bits (RFC 5280 §4.2.1.2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const info = new DerReader(spki).enter(Tag.sequence);
  info?.take(Tag.sequence);
  return createHash("sha1")
    .update(info?.bitString() ?? spki)
    .digest();
}

export const subjectKeyIdentifier = (spki: Uint8Array): Uint8Array =>
  extension("2.5.29.14", false, octetString(keyIdentifier(spki)));

export const authorityKeyIdentifier = (spki: Uint8Array): Uint8Array =>
  extension("2.5.29.35", false, sequence(der(contextTag(0, false), keyIdentifier(spki))));

/** PEM (RFC 7468). */
export function toPem(label: string, bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  return `-----BEGIN ${label}-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;
}

/** At most 20 octets, positive and nonzero (RFC 5280 §4.1.2.2). */
export const serialFrom = (random: Uint8Array): Uint8Array => concat(fromHex("40"), random.subarray(0, 15));
