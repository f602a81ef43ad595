/** Parses X.509 certificates (RFC 5280 §4), as far as needed to serve and verify them. */

import { contextTag, DerReader, Tag } from "../../crypto/index.ts";
import { fromLatin1, fromUtf8 } from "../../wire/text.ts";
import { readName, type X509Name } from "./name.ts";

/** The bytes are not a valid certificate. */
export class MalformedCertificate extends Error {
  override readonly name = "MalformedCertificate";
}

export type GeneralName =
  | { readonly type: "dns"; readonly name: string }
  | { readonly type: "address"; readonly bytes: Uint8Array }
  | { readonly type: "directory"; readonly name: X509Name }
  | { readonly type: "email" | "uri"; readonly name: string }
  | { readonly type: "other" };

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

export interface Certificate {
  readonly der: Uint8Array;
  /** 1, 2 or 3. */
  readonly version: number;
  readonly issuer: X509Name;
  readonly subject: X509Name;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Dotted OID; for RSASSA-PSS followed by that of the digest. */
  readonly signatureAlgorithm: string;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** The bits set (RFC 5280 §4.2.1.3); undefined if the extension is absent. */
  readonly keyUsage: ReadonlySet<number> | undefined;
  /** Dotted OIDs; undefined if the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly altNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
  /** Dotted OIDs of critical extensions that are not understood. */
  readonly unknownCritical: readonly string[];
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new MalformedCertificate(`its ${what} cannot be read`);
  return value;
}

function requireEnd(reader: DerReader, what: string): void {
  if (!reader.isDone) throw new MalformedCertificate(`its ${what} has trailing bytes`);
}

/** Throws a `MalformedCertificate` if `der` is not a valid certificate. */
export function parseX509(der: Uint8Array): Certificate {
  const file = new DerReader(der);
  const certificate = required(file.enter(Tag.sequence), "outer sequence");
  requireEnd(file, "outer sequence");
  const tbs = required(certificate.enter(Tag.sequence), "tbsCertificate");
  const outerAlgorithm = required(certificate.takeWhole(Tag.sequence), "signature algorithm");
  required(certificate.bitString(), "signature");
  requireEnd(certificate, "outer sequence");

  const version = tbs.enter(contextTag(0, true));
  required(tbs.take(Tag.integer), "serial number");
  const innerAlgorithm = required(tbs.takeWhole(Tag.sequence), "signature algorithm");
  // RFC 5280 §4.1.1.2: the two algorithms must be equal. Only the inner one is signed.
  if (Buffer.compare(outerAlgorithm, innerAlgorithm) !== 0) {
    throw new MalformedCertificate("its two signature algorithms differ");
  }
  const issuer = required(readName(tbs), "issuer");
  const validity = required(tbs.enter(Tag.sequence), "validity");
  const notBefore = required(readTime(validity), "notBefore");
  const notAfter = required(readTime(validity), "notAfter");
  requireEnd(validity, "validity");
  const subject = required(readName(tbs), "subject");
  const spki = required(tbs.takeWhole(Tag.sequence), "public key");
  // Unique identifiers, which are unused in practice (RFC 5280 §4.1.2.8).
  tbs.take(contextTag(1, false));
  tbs.take(contextTag(2, false));
  const extensions = tbs.enter(contextTag(3, true));
  requireEnd(tbs, "tbsCertificate");

  return {
    der,
    version: version === undefined ? 1 : readVersion(version),
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    signatureAlgorithm: readAlgorithm(innerAlgorithm),
    ...readExtensions(extensions === undefined ? undefined : required(extensions.enter(Tag.sequence), "extensions")),
  };
}

function readVersion(reader: DerReader): number {
  const number = required(reader.take(Tag.integer), "version");
  if (number.length !== 1 || number[0]! > 2) throw new MalformedCertificate("its version is unknown");
  return number[0]! + 1;
}

/** DER has only one encoding of TRUE (X.690 §11.1). */
function readBoolean(reader: DerReader, what: string): boolean {
  const value = reader.take(Tag.boolean);
  if (value === undefined) return false;
  if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) required(undefined, what);
  return value[0] === 0xff;
}

/** Returns the dotted form, such as "2.5.29.17". */
export function dottedOid(contents: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let isFirstByte = true;
  if (contents.length === 0 || contents.at(-1)! >= 0x80)
    throw new MalformedCertificate("an object identifier is truncated");
  for (const byte of contents) {
    // Padding is forbidden (X.690 §8.19.2): it would allow two encodings of one identifier.
    if (isFirstByte && byte === 0x80) throw new MalformedCertificate("an object identifier is padded");
    isFirstByte = byte < 0x80;
    arc = arc * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(arc / 40));
      arcs.push(first, arc - first * 40);
    } else {
      arcs.push(arc);
    }
    arc = 0;
  }
  return arcs.join(".");
}

const RSASSA_PSS = "1.2.840.113549.1.1.10";
const SHA1 = "1.3.14.3.2.26";

function readAlgorithm(whole: Uint8Array): string {
  const algorithm = required(new DerReader(whole).enter(Tag.sequence), "signature algorithm");
  const name = dottedOid(required(algorithm.take(Tag.oid), "signature algorithm"));
  if (name !== RSASSA_PSS) return name;
  // RFC 4055 §3.1: the digest is [0]; it defaults to SHA-1.
  const digest = algorithm.enter(Tag.sequence)?.enter(contextTag(0, true))?.enter(Tag.sequence)?.take(Tag.oid);
  return `${name} ${digest === undefined ? SHA1 : dottedOid(digest)}`;
}

/** UTCTime or GeneralizedTime, always in UTC ("Z") and with seconds (RFC 5280 §4.1.2.5). */
function readTime(reader: DerReader): Date | undefined {
  const short = reader.nextTag === Tag.utcTime;
  const contents = reader.take(short ? Tag.utcTime : Tag.generalizedTime);
  if (contents === undefined) return undefined;
  const match = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(fromLatin1(contents));
  if (match === null || (match[1]!.length === 2) !== short) return undefined;
  const [, digits = "", month, day, hour, minute, second] = match;
  const year = short ? (Number(digits) < 50 ? `20${digits}` : `19${digits}`) : digits;
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const date = new Date(text);
  // `Date` would turn February 31 into March 3.
  return Number.isNaN(date.getTime()) || date.toISOString() !== text ? undefined : date;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type ExtensionFields = Pick<
  Certificate,
  | "basicConstraints"
  | "keyUsage"
  | "extendedKeyUsage"
  | "altNames"
  | "nameConstraints"
  | "subjectKeyId"
  | "authorityKeyId"
  | "unknownCritical"
>;

/**
 * Policy extensions are accepted as critical but not evaluated: they apply only to verifiers that require a policy
 * (RFC 5280 §6.1.1).
 */
const POLICY_EXTENSIONS = new Set(["2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"]);

function readExtensions(list: DerReader | undefined): ExtensionFields {
  const unknownCritical: string[] = [];
  const fields: Mutable<ExtensionFields> = {
    basicConstraints: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    altNames: [],
    nameConstraints: undefined,
    subjectKeyId: undefined,
    authorityKeyId: undefined,
    unknownCritical,
  };
  const seen = new Set<string>();
  while (list !== undefined && !list.isDone) {
    const extension = required(list.enter(Tag.sequence), "extensions");
    const id = dottedOid(required(extension.take(Tag.oid), "extensions"));
    const critical = readBoolean(extension, `extension ${id}`);
    const value = new DerReader(required(extension.take(Tag.octetString), `extension ${id}`));
    requireEnd(extension, `extension ${id}`);
    // RFC 5280 §4.2: no duplicates.
    if (seen.has(id)) throw new MalformedCertificate(`it has the extension ${id} twice`);
    seen.add(id);
    if (!readExtension(fields, id, value) && critical && !POLICY_EXTENSIONS.has(id)) unknownCritical.push(id);
  }
  return fields;
}

/** Returns false if the extension is unknown. */
function readExtension(fields: Mutable<ExtensionFields>, id: string, value: DerReader): boolean {
  switch (id) {
    case "2.5.29.14":
      fields.subjectKeyId = required(value.take(Tag.octetString), "subject key identifier");
      break;
    case "2.5.29.15":
      fields.keyUsage = readFlags(required(value.take(Tag.bitString), "key usage"));
      break;
    case "2.5.29.17":
      fields.altNames = readGeneralNames(required(value.enter(Tag.sequence), "subject alternative names"));
      break;
    case "2.5.29.19":
      fields.basicConstraints = readBasicConstraints(required(value.enter(Tag.sequence), "basic constraints"));
      break;
    case "2.5.29.30":
      fields.nameConstraints = readNameConstraints(required(value.enter(Tag.sequence), "name constraints"));
      break;
    case "2.5.29.35":
      fields.authorityKeyId = value.enter(Tag.sequence)?.take(contextTag(0, false));
      return true; // The forms without a key identifier are not used.
    case "2.5.29.37":
      fields.extendedKeyUsage = readPurposes(required(value.enter(Tag.sequence), "extended key usage"));
      break;
    default:
      return false;
  }
  requireEnd(value, `extension ${id}`);
  return true;
}

function readFlags(bits: Uint8Array): Set<number> {
  const set = new Set<number>();
  for (let bit = 0; bit < (bits.length - 1) * 8; bit += 1) {
    if ((bits[1 + (bit >> 3)]! & (0x80 >>> (bit & 7))) !== 0) set.add(bit);
  }
  return set;
}

function readBasicConstraints(value: DerReader): { ca: boolean; pathLength: number | undefined } {
  const ca = readBoolean(value, "basic constraints");
  const length = value.take(Tag.integer);
  requireEnd(value, "basic constraints");
  if (length === undefined) return { ca, pathLength: undefined };
  if (length.length === 0 || length[0]! >= 0x80) throw new MalformedCertificate("its path length is negative");
  return { ca, pathLength: length.reduce((sum, byte) => sum * 256 + byte, 0) };
}

function readPurposes(value: DerReader): string[] {
  const purposes: string[] = [];
  while (!value.isDone) purposes.push(dottedOid(required(value.take(Tag.oid), "extended key usage")));
  return purposes;
}

/** GeneralNames (RFC 5280 §4.2.1.6). */
function readGeneralNames(list: DerReader): GeneralName[] {
  const names: GeneralName[] = [];
  while (!list.isDone) names.push(readGeneralName(list));
  return names;
}

function readGeneralName(list: DerReader): GeneralName {
  const tag = list.nextTag!;
  switch (tag) {
    case contextTag(1, false):
      return { type: "email", name: fromLatin1(required(list.take(tag), "name")) };
    case contextTag(2, false):
      return { type: "dns", name: fromLatin1(required(list.take(tag), "name")) };
    case contextTag(4, true):
      return { type: "directory", name: required(readName(required(list.enter(tag), "name")), "name") };
    case contextTag(6, false):
      return { type: "uri", name: fromUtf8(required(list.take(tag), "name")) };
    case contextTag(7, false):
      return { type: "address", bytes: required(list.take(tag), "name") };
    default:
      required(list.take(tag), "name");
      return { type: "other" };
  }
}

/** RFC 5280 §4.2.1.10: the minimum of a subtree is always 0 and the maximum absent. */
function readNameConstraints(value: DerReader): NameConstraints {
  const subtrees = (number: number): GeneralName[] => {
    const list = value.enter(contextTag(number, true));
    const names: GeneralName[] = [];
    while (list !== undefined && !list.isDone) {
      names.push(readGeneralName(required(list.enter(Tag.sequence), "name constraints")));
    }
    return names;
  };
  return { permitted: subtrees(0), excluded: subtrees(1) };
}
