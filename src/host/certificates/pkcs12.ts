/**
 * Reads PKCS #12 files (RFC 7292), as `pfx` in node:tls: a private key with its certificate and chain. OpenSSL checks the
 * file's integrity and decrypts the key; the certificates, which it does not hand out, are decrypted here.
 *
 * Encryption: PBES2 with AES or Triple DES (RFC 8018 §6.2), and the older pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292
 * Appendix C). RC2 is not in OpenSSL 3 either.
 */

import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  type KeyObject,
  pbkdf2Sync,
  X509Certificate,
} from "node:crypto";
import { createSecureContext } from "node:tls";
import { contextTag, DerReader, Tag } from "../../crypto/index.ts";
import { toPem } from "./builder.ts";
import { oid } from "./der-writer.ts";
import { IdentityError, type IdentitySource } from "./identity.ts";

/** Throws an `IdentityError`. */
export function identityOfPfx(file: Uint8Array, passphrase = ""): IdentitySource {
  check(file, passphrase);
  const bags = readFile(file, passphrase);
  for (const key of bags.keys) {
    const leaf = bags.certificates.find((certificate) => certificate.checkPrivateKey(key));
    if (leaf === undefined) continue;
    const chain = chainOf(leaf, bags.certificates);
    return {
      cert: chain.map(({ raw }) => toPem("CERTIFICATE", raw)).join(""),
      key: key.export({ type: "pkcs8", format: "pem" }) as string,
    };
  }
  throw new IdentityError("KEY_MISMATCH", "the pfx contains no private key with its certificate");
}

/** OpenSSL verifies the MAC over the whole file (RFC 7292 §4). */
function check(file: Uint8Array, passphrase: string): void {
  try {
    createSecureContext({ pfx: Buffer.from(file), passphrase });
  } catch (cause) {
    const { message } = cause as Error;
    if (/mac verify/i.test(message)) {
      throw new IdentityError("KEY_ENCRYPTED", "the pfx cannot be decrypted: check the passphrase", { cause });
    }
    const hint = /unsupported/i.test(message) ? `; ${CONVERT}` : "";
    throw new IdentityError("CERTIFICATE_UNREADABLE", `the pfx cannot be read: ${message}${hint}`, { cause });
  }
}

interface Bags {
  readonly keys: KeyObject[];
  readonly certificates: X509Certificate[];
}

function readFile(file: Uint8Array, passphrase: string): Bags {
  const bags: Bags = { keys: [], certificates: [] };
  const pfx = required(new DerReader(file).enter(Tag.sequence));
  required(pfx.take(Tag.integer));
  const authenticated = required(dataOf(required(pfx.enter(Tag.sequence))));
  const contents = required(new DerReader(authenticated).enter(Tag.sequence));
  while (!contents.isDone) {
    const content = required(contents.enter(Tag.sequence));
    readBags(required(dataOf(content, passphrase)), passphrase, bags);
  }
  return bags;
}

/** A ContentInfo (RFC 5652 §3) of type data or encryptedData. */
function dataOf(info: DerReader, passphrase?: string): Uint8Array | undefined {
  const type = info.take(Tag.oid);
  const content = required(info.enter(contextTag(0, true)));
  if (isOid(type, OIDS.data)) return content.take(Tag.octetString);
  if (!isOid(type, OIDS.encryptedData) || passphrase === undefined) return undefined;
  // RFC 5652 §8: version, then contentType, contentEncryptionAlgorithm, encryptedContent.
  const encrypted = required(content.enter(Tag.sequence));
  required(encrypted.take(Tag.integer));
  const part = required(encrypted.enter(Tag.sequence));
  required(part.take(Tag.oid));
  const algorithm = required(part.enter(Tag.sequence));
  return decrypt(algorithm, required(part.take(contextTag(0, false))), passphrase);
}

/** SafeContents (RFC 7292 §4.2). */
function readBags(bytes: Uint8Array, passphrase: string, bags: Bags): void {
  const contents = required(new DerReader(bytes).enter(Tag.sequence));
  while (!contents.isDone) {
    const bag = required(contents.enter(Tag.sequence));
    const type = bag.take(Tag.oid);
    const value = required(bag.enter(contextTag(0, true)));
    if (isOid(type, OIDS.keyBag) || isOid(type, OIDS.shroudedKeyBag)) {
      const key = Buffer.from(required(value.takeWhole(Tag.sequence)));
      bags.keys.push(createPrivateKey({ key, format: "der", type: "pkcs8", passphrase }));
    } else if (isOid(type, OIDS.certBag)) {
      const certificate = required(value.enter(Tag.sequence));
      if (!isOid(certificate.take(Tag.oid), OIDS.x509Certificate)) continue;
      const der = required(certificate.enter(contextTag(0, true))).take(Tag.octetString);
      bags.certificates.push(new X509Certificate(Buffer.from(required(der))));
    } else if (isOid(type, OIDS.safeContentsBag)) {
      readBags(required(value.takeWhole(Tag.sequence)), passphrase, bags);
    }
  }
}

/** The certificate and its issuers, without the root. */
function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf];
  for (;;) {
    const last = chain.at(-1)!;
    const issuer = all.find((each) => !chain.includes(each) && last.checkIssued(each));
    if (issuer === undefined || issuer.checkIssued(issuer)) return chain;
    chain.push(issuer);
  }
}

function decrypt(algorithm: DerReader, content: Uint8Array, passphrase: string): Uint8Array {
  const type = algorithm.take(Tag.oid);
  const parameters = required(algorithm.enter(Tag.sequence));
  const { cipher, key, iv } = isOid(type, OIDS.pbes2)
    ? pbes2(parameters, passphrase)
    : isOid(type, OIDS.sha1TripleDes)
      ? tripleDes(parameters, passphrase)
      : unsupported();
  const decipher = createDecipheriv(cipher, key, iv);
  return Buffer.concat([decipher.update(content), decipher.final()]);
}

interface Keyed {
  readonly cipher: string;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** RFC 8018 Appendix A.4: PBKDF2 and a cipher. */
function pbes2(parameters: DerReader, passphrase: string): Keyed {
  const derivation = required(parameters.enter(Tag.sequence));
  if (!isOid(derivation.take(Tag.oid), OIDS.pbkdf2)) unsupported();
  const settings = required(derivation.enter(Tag.sequence));
  const salt = required(settings.take(Tag.octetString));
  const iterations = numberOf(required(settings.unsigned()));
  if (settings.nextTag === Tag.integer) settings.unsigned(); // the key's length, which the cipher determines
  const hash = settings.enter(Tag.sequence)?.take(Tag.oid);
  // RFC 8018 Appendix A.2: HMAC with SHA-1 by default.
  const digest = hash === undefined ? "sha1" : (HASHES.find(([id]) => isOid(hash, id))?.[1] ?? unsupported());
  const encryption = required(parameters.enter(Tag.sequence));
  const cipher = encryption.take(Tag.oid);
  const [, name, length] = CIPHERS.find(([id]) => isOid(cipher, id)) ?? unsupported();
  const iv = required(encryption.take(Tag.octetString));
  return { cipher: name, key: pbkdf2Sync(passphrase, salt, iterations, length, digest), iv };
}

/** RFC 7292 Appendix C. */
function tripleDes(parameters: DerReader, passphrase: string): Keyed {
  const salt = required(parameters.take(Tag.octetString));
  const iterations = numberOf(required(parameters.unsigned()));
  const derive = (purpose: number, length: number) => deriveSha1(passphrase, salt, iterations, purpose, length);
  return { cipher: "des-ede3-cbc", key: derive(1, 24), iv: derive(2, 8) };
}

/** SHA-1's block and output. */
const BLOCK = 64;
const OUTPUT = 20;

/** RFC 7292 Appendix B.2 with SHA-1. */
function deriveSha1(passphrase: string, salt: Uint8Array, rounds: number, purpose: number, length: number): Uint8Array {
  // Appendix B.1: a BMPString (UTF-16, big-endian) with its terminator.
  const password = Buffer.from(`${passphrase}\0`, "utf16le").swap16();
  const input = Buffer.concat([repeated(salt), repeated(password)]);
  const result: Buffer[] = [];
  for (let got = 0; got < length; got += OUTPUT) {
    let digest = Buffer.concat([Buffer.alloc(BLOCK, purpose), input]);
    for (let round = 0; round < rounds; round++) digest = createHash("sha1").update(digest).digest();
    result.push(digest);
    addOnce(input, repeated(digest, BLOCK));
  }
  return Buffer.concat(result).subarray(0, length);
}

/** Repeats bytes to a multiple of the block, or to `length`. */
const repeated = (bytes: Uint8Array, length = BLOCK * Math.ceil(bytes.length / BLOCK)): Buffer =>
  Buffer.alloc(length, bytes);

/** Step 6C: adds `step` + 1 to each block, modulo 2 to the power of its bits. */
function addOnce(input: Buffer, step: Buffer): void {
  for (let start = 0; start < input.length; start += BLOCK) {
    let carry = 1;
    for (let i = BLOCK - 1; i >= 0; i--) {
      carry += input[start + i]! + step[i]!;
      input[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new IdentityError("CERTIFICATE_UNREADABLE", `the pfx is not DER; ${CONVERT}`);
  return value;
}

function unsupported(): never {
  throw new IdentityError("CERTIFICATE_UNSUPPORTED", `the encryption of the pfx is not supported; ${CONVERT}`);
}

const CONVERT =
  "convert it: openssl pkcs12 -legacy -in OLD -nodes -out BOTH.pem, then openssl pkcs12 -export -in BOTH.pem -out NEW";

const numberOf = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0);

/** Contents of the OID, without tag and length. */
const encoded = (dotted: string): Uint8Array => oid(dotted).subarray(2);

const isOid = (value: Uint8Array | undefined, expected: Uint8Array): boolean =>
  value !== undefined && Buffer.compare(value, expected) === 0;

const OIDS = {
  data: encoded("1.2.840.113549.1.7.1"),
  encryptedData: encoded("1.2.840.113549.1.7.6"),
  keyBag: encoded("1.2.840.113549.1.12.10.1.1"),
  shroudedKeyBag: encoded("1.2.840.113549.1.12.10.1.2"),
  certBag: encoded("1.2.840.113549.1.12.10.1.3"),
  safeContentsBag: encoded("1.2.840.113549.1.12.10.1.6"),
  x509Certificate: encoded("1.2.840.113549.1.9.22.1"),
  pbes2: encoded("1.2.840.113549.1.5.13"),
  pbkdf2: encoded("1.2.840.113549.1.5.12"),
  sha1TripleDes: encoded("1.2.840.113549.1.12.1.3"),
} as const;

const HASHES: readonly (readonly [id: Uint8Array, name: string])[] = [
  [encoded("1.2.840.113549.2.7"), "sha1"],
  [encoded("1.2.840.113549.2.9"), "sha256"],
  [encoded("1.2.840.113549.2.10"), "sha384"],
  [encoded("1.2.840.113549.2.11"), "sha512"],
];

const CIPHERS: readonly (readonly [id: Uint8Array, name: string, keyLength: number])[] = [
  [encoded("2.16.840.1.101.3.4.1.2"), "aes-128-cbc", 16],
  [encoded("2.16.840.1.101.3.4.1.22"), "aes-192-cbc", 24],
  [encoded("2.16.840.1.101.3.4.1.42"), "aes-256-cbc", 32],
  [encoded("1.2.840.113549.3.7"), "des-ede3-cbc", 24],
];
