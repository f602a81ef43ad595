/** Trusted certificates, found by subject. Parsing all of them would cost more than a handshake. */

import { readFile } from "node:fs/promises";
import * as tls from "node:tls";
import { contextTag, DerReader, Tag } from "../../crypto/index.ts";
import { type Certificate, MalformedCertificate, parseX509 } from "./certificate.ts";
import { readName, type X509Name } from "./name.ts";
import type { Anchors } from "./path.ts";
import { certificatesOf, certificatesOfPem } from "./pem.ts";

export type TrustSource = readonly (string | Uint8Array)[] | "system" | undefined;

/** A value given as a trusted certificate is not a certificate. */
export class TrustError extends Error {
  override readonly name = "TrustError";
  readonly code = "CA_UNREADABLE";
}

/** Locations of the system's list, except on macOS and Windows. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const key = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

const canonicalName = (name: X509Name): string => name.canonical.join("\n");

function append(map: Map<string, Uint8Array[]>, name: string, list: readonly Uint8Array[]): void {
  const known = map.get(name);
  if (known === undefined) map.set(name, [...list]);
  else known.push(...list);
}

export class TrustStore implements Anchors {
  /** By the bytes of the subject, which equal those of the issuer in all but very unusual chains. */
  readonly #bySubject = new Map<string, Uint8Array[]>();
  /** The same by canonical subject, built on first use. */
  #byCanonicalName: Map<string, Uint8Array[]> | undefined;
  readonly #parsed = new Map<Uint8Array, Certificate | undefined>();

  /** Takes DER. Malformed certificates are never found. */
  constructor(certificates: Iterable<Uint8Array>) {
    for (const der of certificates) {
      const subject = subjectOf(der);
      if (subject === undefined) continue;
      append(this.#bySubject, key(subject), [der]);
    }
  }

  has(certificate: Certificate): boolean {
    const known = this.#bySubject.get(key(certificate.subject.raw)) ?? [];
    return known.some((der) => Buffer.compare(der, certificate.der) === 0);
  }

  withSubject(name: X509Name): readonly Certificate[] {
    const same = this.#bySubject.get(key(name.raw)) ?? this.#canonicalNames().get(canonicalName(name)) ?? [];
    return this.#parseAll(same);
  }

  /** A name can be encoded in several ways (RFC 5280 §7.1). */
  #canonicalNames(): Map<string, Uint8Array[]> {
    if (this.#byCanonicalName === undefined) {
      this.#byCanonicalName = new Map();
      for (const [subject, list] of this.#bySubject) {
        const name = readName(new DerReader(Buffer.from(subject, "latin1")));
        if (name !== undefined) append(this.#byCanonicalName, canonicalName(name), list);
      }
    }
    return this.#byCanonicalName;
  }

  #parseAll(list: readonly Uint8Array[]): Certificate[] {
    return list.map((der) => this.#parse(der)).filter((certificate) => certificate !== undefined);
  }

  #parse(der: Uint8Array): Certificate | undefined {
    if (!this.#parsed.has(der)) {
      try {
        this.#parsed.set(der, parseX509(der));
      } catch (error) {
        if (!(error instanceof MalformedCertificate)) throw error;
        this.#parsed.set(der, undefined);
      }
    }
    return this.#parsed.get(der);
  }
}

/** Extracts only the subject Name, in DER. */
function subjectOf(der: Uint8Array): Uint8Array | undefined {
  const tbs = new DerReader(der).enter(Tag.sequence)?.enter(Tag.sequence);
  tbs?.take(contextTag(0, true));
  tbs?.take(Tag.integer);
  // The signature algorithm, the issuer and the validity come first.
  for (let skipped = 0; skipped < 3; skipped += 1) tbs?.take(Tag.sequence);
  return tbs?.takeWhole(Tag.sequence);
}

/** Checks the caller's certificates immediately: throws a `TrustError` if one is invalid. */
export function customTrust(sources: readonly (string | Uint8Array)[]): TrustStore {
  const certificates = sources.flatMap((source) => {
    const found = certificatesOf(source);
    if (found.length === 0) throw new TrustError("a trusted certificate (ca) is neither PEM text nor DER bytes");
    return found;
  });
  for (const der of certificates) {
    try {
      parseX509(der);
    } catch (cause) {
      throw new TrustError(`a trusted certificate (ca) is malformed: ${(cause as Error).message}`, { cause });
    }
  }
  return new TrustStore(certificates);
}

let bundled: Promise<TrustStore> | undefined;
let system: Promise<TrustStore> | undefined;

/** Node's own list and NODE_EXTRA_CA_CERTS, loaded on first use and cached. */
export const bundledTrust = (): Promise<TrustStore> => (bundled ??= loadBundled());
export const systemTrust = (): Promise<TrustStore> => (system ??= loadSystem());

async function loadBundled(): Promise<TrustStore> {
  const extra = await readExtra(process.env.NODE_EXTRA_CA_CERTS);
  return new TrustStore([...extra, ...tls.rootCertificates.flatMap(certificatesOfPem)]);
}

/** Like Node, ignores an unreadable file with a warning. */
async function readExtra(path: string | undefined): Promise<Uint8Array[]> {
  if (path === undefined || path === "") return [];
  try {
    return certificatesOfPem(await readFile(path, "latin1"));
  } catch (error) {
    process.emitWarning(`ignoring NODE_EXTRA_CA_CERTS: ${(error as Error).message}`);
    return [];
  }
}

/** Since Node 22.15; the only source on macOS and Windows. */
type GetCaCertificates = (type: "system") => string[];

async function loadSystem(): Promise<TrustStore> {
  // OpenSSL's variable.
  const named = process.env.SSL_CERT_FILE;
  const { getCACertificates } = tls as { readonly getCACertificates?: GetCaCertificates };
  if (named === undefined && getCACertificates !== undefined) {
    return new TrustStore(getCACertificates("system").flatMap(certificatesOfPem));
  }
  const candidates = named === undefined ? SYSTEM_BUNDLES : [named];
  for (const path of candidates) {
    const pem = await readFile(path, "latin1").catch(() => undefined);
    if (pem !== undefined) return new TrustStore(certificatesOfPem(pem));
  }
  throw new TrustError(`no list of certificate authorities found on this system; looked in: ${candidates.join(", ")}`);
}
