/** A certificate chain with its private key, checked before anything listens. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Signer } from "../../crypto/index.ts";
import { type Certificate, parseX509 } from "./certificate.ts";
import { formatAddressBytes } from "./host-name.ts";
import { certificatesOfPem, pemText } from "./pem.ts";
import { createSigner } from "./signer.ts";

export interface IdentitySource {
  /** PEM: the server's certificate first, then the chain. */
  readonly cert: string | Uint8Array;
  /** PEM. */
  readonly key: string | Uint8Array;
  /** Decrypts an encrypted key. */
  readonly passphrase?: string;
}

export interface Identity {
  /** DER, the server's own certificate first. */
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
  /** What it is for: DNS names in lower case, wildcards included, and addresses. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** PEM, as given: for TLS over TCP. */
  readonly cert: string;
  readonly key: string;
}

export type IdentityProblem =
  | "CERTIFICATE_UNREADABLE"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_YET_VALID"
  | "KEY_UNREADABLE"
  | "KEY_ENCRYPTED"
  | "KEY_UNSUPPORTED"
  | "KEY_MISMATCH";

/** A certificate or key that cannot serve. The message says what is wrong with which, and what to do. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly code: IdentityProblem;

  constructor(code: IdentityProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface LoadOptions {
  readonly now?: Date;
  /** Accepts a certificate outside its time, which no client will. */
  readonly ignoreValidity?: boolean;
}

/** Throws an `IdentityError`. */
export const loadIdentity = (source: IdentitySource, options: LoadOptions = {}): Identity =>
  loadNamed(source, { cert: "the certificate", key: "the key", hint: pathHint }, options);

/** What messages call the two, and what they add when one of them is no PEM text. */
interface Called {
  readonly cert: string;
  readonly key: string;
  hint(pem: string): string;
}

function loadNamed(source: IdentitySource, called: Called, options: LoadOptions): Identity {
  const cert = pemText(source.cert);
  const key =
    source.passphrase === undefined ? pemText(source.key) : decryptKey(pemText(source.key), source.passphrase);
  const chain = certificatesOfPem(cert);
  const leaf = readLeaf(chain, cert, called);
  const names = namesOf(leaf);
  const label = names.length > 0 ? names.join(", ") : leaf.subject.display;
  const privateKey = readKey(key, called);
  const signer = createSigner(privateKey);
  if (signer.schemes.length === 0) {
    const kind = privateKey.asymmetricKeyDetails?.namedCurve ?? privateKey.asymmetricKeyType;
    throw new IdentityError(
      "KEY_UNSUPPORTED",
      `${called.key} is of the kind ${kind}, which TLS 1.3 servers here do not use: make one with P-256, P-384, Ed25519 or RSA`,
    );
  }
  if (!new X509Certificate(leaf.der).checkPrivateKey(privateKey)) {
    throw new IdentityError(
      "KEY_MISMATCH",
      `${called.key} does not belong to the certificate for ${label}: give the key that this certificate was made with, and put the server's own certificate first`,
    );
  }
  if (options.ignoreValidity !== true) checkValidity(leaf, label, options.now ?? new Date());
  return { chain, signer, names, notBefore: leaf.notBefore, notAfter: leaf.notAfter, cert, key };
}

/** The same from files. */
export async function loadIdentityFiles(
  files: { readonly certFile: string; readonly keyFile: string },
  options: LoadOptions = {},
): Promise<Identity> {
  const called = { cert: `the certificate ${files.certFile}`, key: `the key ${files.keyFile}`, hint: () => "" };
  const pemOf = async (path: string, code: IdentityProblem, what: string): Promise<string> => {
    try {
      return await readFile(path, "latin1");
    } catch (cause) {
      throw new IdentityError(code, `cannot read ${what}: ${whyUnreadable(cause)}`, { cause });
    }
  };
  const [cert, key] = await Promise.all([
    pemOf(files.certFile, "CERTIFICATE_UNREADABLE", called.cert),
    pemOf(files.keyFile, "KEY_UNREADABLE", called.key),
  ]);
  return loadNamed({ cert, key }, called, options);
}

function whyUnreadable(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file; check the path";
  if (code === "EACCES") return "permission denied; let the user that runs the server read it";
  if (code === "EISDIR") return "it is a folder; name a PEM file";
  return message;
}

function readLeaf(chain: readonly Uint8Array[], pem: string, called: Called): Certificate {
  const [first, ...others] = chain;
  if (first === undefined) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `${called.cert} is not PEM text${called.hint(pem)}`);
  }
  try {
    for (const other of others) parseX509(other);
    return parseX509(first);
  } catch (cause) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `${called.cert} is damaged: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function readKey(pem: string, called: Called): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    if (/ENCRYPTED/.test(pem)) {
      const message = `${called.key} is encrypted: decrypt it first (openssl pkey -in KEY -out PLAIN)`;
      throw new IdentityError("KEY_ENCRYPTED", message, { cause });
    }
    throw new IdentityError("KEY_UNREADABLE", `${called.key} is not a private key in PEM text${called.hint(pem)}`, {
      cause,
    });
  }
}

function decryptKey(pem: string, passphrase: string): string {
  try {
    return createPrivateKey({ key: pem, passphrase }).export({ type: "pkcs8", format: "pem" }) as string;
  } catch (cause) {
    const message = "the key cannot be decrypted: give the passphrase that it was encrypted with";
    throw new IdentityError("KEY_ENCRYPTED", message, { cause });
  }
}

/** The commonest mistake is to give a file's name where its text belongs. */
const pathHint = (pem: string): string =>
  pem.length > 0 && pem.length < 1000 && !pem.includes("\n") ? `: read the file ${pem} and give what it holds` : "";

function checkValidity(leaf: Certificate, label: string, now: Date): void {
  if (leaf.notAfter < now) {
    throw new IdentityError(
      "CERTIFICATE_EXPIRED",
      `the certificate for ${label} expired on ${leaf.notAfter.toISOString()}: renew it`,
    );
  }
  if (leaf.notBefore > now) {
    throw new IdentityError(
      "CERTIFICATE_NOT_YET_VALID",
      `the certificate for ${label} is valid only from ${leaf.notBefore.toISOString()}: check this machine's clock`,
    );
  }
}

/** The DNS names and addresses of a certificate, as people write them. */
export function namesOf(certificate: Certificate): string[] {
  const names: string[] = [];
  for (const name of certificate.altNames) {
    if (name.type === "dns") names.push(name.name.toLowerCase());
    else if (name.type === "address") names.push(formatAddressBytes(name.bytes));
  }
  return names;
}
