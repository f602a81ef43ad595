/** Finds a path from a server's or client's certificate to a trusted one and checks each step (RFC 5280 §6, RFC 4158). */

import { Purpose } from "./builder.ts";
import type { Certificate } from "./certificate.ts";
import { sameName, type X509Name } from "./name.ts";
import { forbiddenName } from "./name-constraints.ts";
import { type CertificateProblem, problem } from "./problem.ts";
import { isSignedBy, weakAlgorithm, weakKey } from "./signature.ts";

/** Trusted certificates. */
export interface Anchors {
  has(certificate: Certificate): boolean;
  withSubject(name: X509Name): readonly Certificate[];
}

/** Whose certificate is verified. */
export type Subject = "server" | "client";

/** Certificates from leaf to anchor. Real paths have three or four. */
const MAX_PATH = 10;
/** Limits the search: without it, maliciously cross-signed intermediates could make it endless. */
const MAX_SIGNATURES = 64;

const KEY_CERT_SIGN = 5;

const quoted = (certificate: Certificate): string => `"${certificate.subject.display}"`;
const isSelfIssued = (certificate: Certificate): boolean => sameName(certificate.subject, certificate.issuer);

/** Returns a path, or the most informative reason that none was found. */
export function findPath(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  anchors: Anchors,
  now: Date,
  subject: Subject,
): { readonly path: readonly Certificate[] } | { readonly problem: CertificateProblem } {
  const search = new PathSearch(intermediates, anchors, now, subject);
  const path = search.extend([leaf]);
  return path === undefined ? { problem: search.problem(leaf) } : { path };
}

class PathSearch {
  readonly #intermediates: readonly Certificate[];
  readonly #anchors: Anchors;
  readonly #now: Date;
  readonly #subject: Subject;
  #signatures = 0;
  /** The first refusal of a correctly signed step. */
  #refusal: CertificateProblem | undefined;
  /** The first step that names an issuer that did not sign it. */
  #badSignature: CertificateProblem | undefined;
  /** The longest path tried, to report where it ended. */
  #longest: readonly Certificate[] = [];

  constructor(intermediates: readonly Certificate[], anchors: Anchors, now: Date, subject: Subject) {
    this.#intermediates = intermediates;
    this.#anchors = anchors;
    this.#now = now;
    this.#subject = subject;
  }

  /** Extends `path`, which starts at the leaf, to an anchor. */
  extend(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const top = path.at(-1)!;
    if (path.length > this.#longest.length) this.#longest = path;
    // A certificate that is itself trusted needs no issuer.
    if (this.#anchors.has(top)) return path;
    if (path.length === MAX_PATH) {
      this.#refusal ??= problem("CERT_CHAIN_TOO_LONG", `the chain of ${quoted(path[0]!)} is longer than ${MAX_PATH}`);
      return undefined;
    }
    for (const anchor of byKeyIdentifier(this.#anchors.withSubject(top.issuer), top)) {
      if (this.#accepts(path, anchor, true)) return [...path, anchor];
    }
    const issuers = this.#intermediates.filter(
      (candidate) => sameName(candidate.subject, top.issuer) && !path.some((below) => isSameEntity(below, candidate)),
    );
    for (const issuer of byKeyIdentifier(issuers, top)) {
      const found = this.#accepts(path, issuer, false) ? this.extend([...path, issuer]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #accepts(path: readonly Certificate[], issuer: Certificate, isAnchor: boolean): boolean {
    const top = path.at(-1)!;
    if (this.#signatures === MAX_SIGNATURES) {
      this.#refusal ??= problem("CERT_CHAIN_TOO_LONG", `the chain of ${quoted(path[0]!)} has too many branches`);
      return false;
    }
    this.#signatures += 1;
    if (!isSignedBy(top, issuer)) {
      this.#badSignature ??= problem(
        "CERT_SIGNATURE_FAILURE",
        `the signature of ${quoted(issuer)} on the certificate ${quoted(top)} is invalid`,
      );
      return false;
    }
    const refusal = weakAlgorithm(top) ?? checkIssuer(path, issuer, isAnchor, this.#now, this.#subject);
    this.#refusal ??= refusal;
    return refusal === undefined;
  }

  problem(leaf: Certificate): CertificateProblem {
    if (this.#refusal !== undefined) return this.#refusal;
    const top = this.#longest.at(-1)!;
    const isLeaf = this.#longest.length === 1;
    if (isSelfIssued(top) && isSignedBy(top, top)) {
      return isLeaf
        ? problem("DEPTH_ZERO_SELF_SIGNED_CERT", `the certificate ${quoted(leaf)} is self-signed and not trusted`)
        : problem(
            "SELF_SIGNED_CERT_IN_CHAIN",
            `the chain of the certificate ${quoted(leaf)} ends in ${quoted(top)}, which is self-signed and not trusted`,
          );
    }
    if (this.#badSignature !== undefined) return this.#badSignature;
    return problem(
      isLeaf ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      `the certificate ${quoted(top)} was issued by "${top.issuer.display}", which is not trusted and whose certificate the ${this.#subject} did not send`,
    );
  }
}

/** The same key under the same name, which a path need not contain twice. */
const isSameEntity = (a: Certificate, b: Certificate): boolean =>
  sameName(a.subject, b.subject) && Buffer.compare(a.spki, b.spki) === 0;

/** Sorts issuers with the matching key identifier first; the others may still be right (RFC 5280 §4.2.1.1). */
function byKeyIdentifier(issuers: readonly Certificate[], certificate: Certificate): readonly Certificate[] {
  const wanted = certificate.authorityKeyId;
  if (wanted === undefined || issuers.length < 2) return issuers;
  const matches = ({ subjectKeyId }: Certificate): boolean =>
    subjectKeyId !== undefined && Buffer.compare(subjectKeyId, wanted) === 0;
  return [...issuers.filter(matches), ...issuers.filter((issuer) => !matches(issuer))];
}

/** Checks that `issuer` was allowed to issue the certificates below it (RFC 5280 §6.1.4). */
function checkIssuer(
  path: readonly Certificate[],
  issuer: Certificate,
  isAnchor: boolean,
  now: Date,
  subject: Subject,
): CertificateProblem | undefined {
  const constraints = issuer.basicConstraints;
  // Version 1 roots have no extensions; being in the list of authorities is enough (RFC 5280 §6.1.4 (k)).
  const isOldRoot = isAnchor && issuer.version === 1;
  if (!isOldRoot && constraints?.ca !== true) {
    return problem("INVALID_CA", `${quoted(issuer)} issued ${quoted(path.at(-1)!)} but is not a certificate authority`);
  }
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has(KEY_CERT_SIGN)) {
    return problem("INVALID_CA", `the key of ${quoted(issuer)} is not for signing certificates`);
  }
  // RFC 5280 §4.2.1.9: the leaf does not count, nor do self-issued certificates.
  const below = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  if (constraints?.pathLength !== undefined && below > constraints.pathLength) {
    return problem(
      "PATH_LENGTH_EXCEEDED",
      `${quoted(issuer)} allows ${constraints.pathLength} certificate authorities below it, but there are ${below}`,
    );
  }
  for (const [i, certificate] of path.entries()) {
    // RFC 5280 §6.1.3 (b): self-issued certificates are exempt, unless it is the leaf.
    if (i > 0 && isSelfIssued(certificate)) continue;
    const name = forbiddenName(certificate, issuer);
    if (name !== undefined) {
      return problem(
        "NAME_CONSTRAINT_VIOLATION",
        `${quoted(issuer)} may not issue certificates for ${name}, a name of ${quoted(certificate)}`,
      );
    }
  }
  return checkCertificate(issuer, now, subject);
}

/** Checks that apply to each certificate of a path on its own. */
export function checkCertificate(
  certificate: Certificate,
  now: Date,
  subject: Subject,
): CertificateProblem | undefined {
  const { notBefore, notAfter, extendedKeyUsage, unknownCritical } = certificate;
  if (now > notAfter) {
    return problem("CERT_HAS_EXPIRED", `the certificate ${quoted(certificate)} expired on ${notAfter.toISOString()}`);
  }
  if (now < notBefore) {
    const from = notBefore.toISOString();
    return problem("CERT_NOT_YET_VALID", `the certificate ${quoted(certificate)} is valid only from ${from}`);
  }
  // On a CA, it restricts the certificates below: universal practice on the web.
  const needed = subject === "server" ? Purpose.serverAuth : Purpose.clientAuth;
  if (extendedKeyUsage?.some((purpose) => purpose === needed || purpose === Purpose.any) === false) {
    return problem("INVALID_PURPOSE", `the certificate ${quoted(certificate)} is not for authenticating ${subject}s`);
  }
  if (unknownCritical.length > 0) {
    return problem(
      "UNHANDLED_CRITICAL_EXTENSION",
      `the certificate ${quoted(certificate)} has a critical extension that is not understood: ${unknownCritical.join(", ")}`,
    );
  }
  return weakKey(certificate);
}
