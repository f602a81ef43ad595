/**
 * A certificate chain with its key, checked before anything listens, and the choice among several by server name
 * (SNI, RFC 6066 §3).
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

export interface IdentitySource {
  /** PEM: the server's certificate first, then the chain. */
  readonly cert: string | Uint8Array;
  /** PEM. */
  readonly key: string | Uint8Array;
}

export interface Identity {
  readonly cert: string;
  readonly key: string;
  /** The chain's first certificate. */
  readonly certificate: X509Certificate;
}

export type IdentityProblem =
  | "CERTIFICATE_UNREADABLE"
  | "KEY_UNREADABLE"
  | "KEY_ENCRYPTED"
  | "KEY_MISMATCH"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_YET_VALID";

/** A certificate or key that cannot serve. The message says what to do. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityProblem;

  constructor(code: IdentityProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const text = (pem: string | Uint8Array): string =>
  typeof pem === "string" ? pem : new TextDecoder("latin1").decode(pem);

export function createIdentity(source: IdentitySource, now = Date.now()): Identity {
  const cert = text(source.cert);
  const key = text(source.key);
  const certificate = readCertificate(cert);
  if (!certificate.checkPrivateKey(readKey(key))) {
    throw new IdentityError(
      "KEY_MISMATCH",
      `the key does not belong to the certificate for ${nameOf(certificate)}: give the key that the certificate was made with`,
    );
  }
  if (Date.parse(certificate.validTo) < now) {
    throw new IdentityError(
      "CERTIFICATE_EXPIRED",
      `the certificate for ${nameOf(certificate)} expired on ${certificate.validTo}: renew it`,
    );
  }
  if (Date.parse(certificate.validFrom) > now) {
    throw new IdentityError(
      "CERTIFICATE_NOT_YET_VALID",
      `the certificate for ${nameOf(certificate)} is valid only from ${certificate.validFrom}: check this machine's clock`,
    );
  }
  return { cert, key, certificate };
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `the certificate is not PEM text${pathHint(pem)}`, { cause });
  }
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    if (pem.includes("ENCRYPTED")) {
      throw new IdentityError(
        "KEY_ENCRYPTED",
        "the key is encrypted: decrypt it first (openssl pkey -in KEY -out PLAIN)",
        {
          cause,
        },
      );
    }
    throw new IdentityError("KEY_UNREADABLE", `the key is not PEM text${pathHint(pem)}`, { cause });
  }
}

/** The commonest mistake is to give a file's name where its text belongs. */
const pathHint = (pem: string): string =>
  pem.length > 0 && pem.length < 1000 && !pem.includes("\n") ? `: read the file ${pem} and give what it holds` : "";

const nameOf = (certificate: X509Certificate): string =>
  certificate.subjectAltName ?? certificate.subject.replaceAll("\n", ", ");

/** The identity for a server name: the first whose certificate covers it, or else the first of all. */
export function selectIdentity(identities: readonly Identity[], serverName: string | undefined): Identity {
  if (serverName !== undefined && identities.length > 1) {
    for (const identity of identities) if (identity.certificate.checkHost(serverName) !== undefined) return identity;
  }
  return identities[0]!;
}
