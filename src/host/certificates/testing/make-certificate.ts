/** Generates certificates for tests: any chain to accept or refuse. */

import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  KeyUsage,
  keyUsage,
  nameConstraints,
  Purpose,
  type SignatureHash,
  serialFrom,
  signCertificate,
  subjectAltName,
  subjectKeyIdentifier,
  toPem,
} from "../builder.ts";
import { commonName } from "../der-writer.ts";

export type KeyKind = "p256" | "p384" | "ed25519" | "rsa" | "rsa1024";

export interface KeyObjects {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface TestCertificateOptions {
  /** The subject's common name. Defaults to the first of `names`, or to "Test CA" or "Test". */
  readonly subject?: string;
  /** Subject alternative names: DNS names and address literals. Defaults to none. */
  readonly names?: readonly string[];
  /** Self-signed if absent. */
  readonly issuer?: TestCertificate;
  /** True for an authority. A number is its path length. */
  readonly ca?: boolean | number;
  /** A kind of key, or an existing pair, to certify one key twice. */
  readonly key?: KeyKind | KeyObjects;
  /** The validity defaults to a day ago until thirty days ahead. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Dotted OIDs. Defaults to serverAuth if not a CA. `false` omits the extension. */
  readonly purposes?: readonly string[] | false;
  /** Bits of `KeyUsage`. Defaults to those of a CA or a server. `false` omits the extension. */
  readonly usage?: readonly number[] | false;
  /** Name constraints: DNS suffixes and ranges such as "10.0.0.0/8". */
  readonly permitted?: readonly string[];
  readonly excluded?: readonly string[];
  /** Omits basicConstraints. */
  readonly basicConstraints?: false;
  /** Omits the subject and authority key identifiers. */
  readonly keyIdentifiers?: false;
  /** Additional extensions, in DER. */
  readonly extensions?: readonly Uint8Array[];
  /** Version 1 certificates have no extensions. */
  readonly version?: 1 | 3;
  /** The digest of the issuer's signature. */
  readonly hash?: SignatureHash;
}

export interface TestCertificate {
  readonly der: Uint8Array;
  /** The chain as a server sends it, in DER: this certificate first, without the self-signed one at the end. */
  readonly chain: readonly Uint8Array[];
  /** PEM: this certificate alone, the chain, the private key as PKCS #8. */
  readonly cert: string;
  readonly certChain: string;
  readonly key: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
  /** The subject Name in DER. */
  readonly subject: Uint8Array;
}

/**
 * ```ts
 * const root = makeCertificate({ subject: "Test Root", ca: true });
 * const issuer = makeCertificate({ subject: "Test Issuer", ca: 0, issuer: root });
 * const leaf = makeCertificate({ names: ["example.test", "127.0.0.1"], issuer });
 * ```
 */
export function makeCertificate(options: TestCertificateOptions = {}): TestCertificate {
  const { issuer, names = [], key = "p256" } = options;
  const { publicKey, privateKey } = typeof key === "string" ? generateKeys(key) : key;
  const spki = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  const isCa = options.ca !== undefined && options.ca !== false;
  const subject = commonName(options.subject ?? names[0] ?? (isCa ? "Test CA" : "Test"));
  const certificate = signCertificate(
    {
      serial: serialFrom(randomBytes(15)),
      subject,
      issuer: issuer?.subject ?? subject,
      notBefore: options.notBefore ?? daysFromNow(-1),
      notAfter: options.notAfter ?? daysFromNow(30),
      spki,
      extensions: options.version === 1 ? [] : extensionsOf(options, isCa, spki),
    },
    issuer?.privateKey ?? privateKey,
    options.hash,
  );
  const cert = toPem("CERTIFICATE", certificate);
  // A self-signed root is of no use to the peer and is not sent (RFC 8446 §4.4.2).
  const above = issuer === undefined || issuer.chain.length === 0 ? [] : issuer.chain;
  const chain = issuer === undefined && isCa ? [] : [certificate, ...above];
  return {
    der: certificate,
    chain,
    cert,
    certChain: chain.map((each) => toPem("CERTIFICATE", each)).join(""),
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey,
    privateKey,
    spki,
    subject,
  };
}

export const daysFromNow = (days: number): Date => new Date(Date.now() + days * 86_400_000);

export function generateKeys(kind: KeyKind): KeyObjects {
  switch (kind) {
    case "p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "p384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "rsa1024":
      return generateKeyPairSync("rsa", { modulusLength: 1024 });
  }
}

function extensionsOf(options: TestCertificateOptions, isCa: boolean, spki: Uint8Array): Uint8Array[] {
  const { ca, names = [], issuer, permitted = [], excluded = [] } = options;
  const usage = options.usage ?? (isCa ? [KeyUsage.keyCertSign, KeyUsage.crlSign] : [KeyUsage.digitalSignature]);
  const purposes = options.purposes ?? (isCa ? false : [Purpose.serverAuth]);
  const withIdentifiers = options.keyIdentifiers !== false;
  return [
    ...(options.basicConstraints === false ? [] : [basicConstraints(isCa, typeof ca === "number" ? ca : undefined)]),
    ...(usage === false ? [] : [keyUsage(...usage)]),
    ...(purposes === false ? [] : [extendedKeyUsage(...purposes)]),
    ...(names.length > 0 ? [subjectAltName(...names)] : []),
    ...(permitted.length + excluded.length > 0 ? [nameConstraints(permitted, excluded)] : []),
    ...(withIdentifiers ? [subjectKeyIdentifier(spki)] : []),
    ...(withIdentifiers && issuer !== undefined ? [authorityKeyIdentifier(issuer.spki)] : []),
    ...(options.extensions ?? []),
  ];
}
