/** Checks that a certificate is signed by another's key, with sufficiently strong cryptography. */

import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Certificate } from "./certificate.ts";
import { type CertificateProblem, problem } from "./problem.ts";

const RSASSA_PSS = "1.2.840.113549.1.1.10";

/** All others, notably MD5 and SHA-1, are too weak or unknown. */
const SOUND_ALGORITHMS = new Set([
  "1.2.840.113549.1.1.11", // sha256WithRSAEncryption
  "1.2.840.113549.1.1.12", // sha384WithRSAEncryption
  "1.2.840.113549.1.1.13", // sha512WithRSAEncryption
  "1.2.840.10045.4.3.2", // ecdsa-with-SHA256
  "1.2.840.10045.4.3.3", // ecdsa-with-SHA384
  "1.2.840.10045.4.3.4", // ecdsa-with-SHA512
  "1.3.101.112", // Ed25519
  `${RSASSA_PSS} 2.16.840.1.101.3.4.2.1`, // with SHA-256
  `${RSASSA_PSS} 2.16.840.1.101.3.4.2.2`, // with SHA-384
  `${RSASSA_PSS} 2.16.840.1.101.3.4.2.3`, // with SHA-512
]);

/** Shorter RSA keys can be broken (NIST SP 800-57); much longer ones only cost time. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;

/** Importing a key costs as much as a verification, and the same roots occur often. */
const keys = new WeakMap<Certificate, KeyObject | null>();

function publicKeyOf(certificate: Certificate): KeyObject | undefined {
  let key = keys.get(certificate);
  if (key === undefined) {
    try {
      key = createPublicKey({ key: Buffer.from(certificate.spki), format: "der", type: "spki" });
    } catch {
      key = null;
    }
    keys.set(certificate, key);
  }
  return key ?? undefined;
}

export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const key = publicKeyOf(issuer);
  if (key === undefined) return false;
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits > MAX_RSA_BITS) return false;
  try {
    return new X509Certificate(certificate.der).verify(key);
  } catch {
    return false;
  }
}

/** Checks the algorithm of the signature on `certificate`. */
export function weakAlgorithm(certificate: Certificate): CertificateProblem | undefined {
  if (SOUND_ALGORITHMS.has(certificate.signatureAlgorithm)) return undefined;
  return problem(
    "CERT_MD_TOO_WEAK",
    `the certificate "${certificate.subject.display}" is signed with a weak or unknown algorithm (${certificate.signatureAlgorithm})`,
  );
}

export function weakKey(certificate: Certificate): CertificateProblem | undefined {
  const bits = publicKeyOf(certificate)?.asymmetricKeyDetails?.modulusLength;
  if (bits === undefined || (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS)) return undefined;
  return problem(
    "CERT_KEY_TOO_SMALL",
    `the certificate "${certificate.subject.display}" has an RSA key of ${bits} bits`,
  );
}
