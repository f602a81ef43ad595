/** A certificate chain with its private key, validated before the server listens. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Signer } from "../../crypto/index.ts";
import { type Certificate, parseX509 } from "./certificate.ts";
import { formatAddressBytes } from "./host-name.ts";
import { certificatesOfPem, pemText } from "./pem.ts";
import { createSigner } from "./signer.ts";

/** A certificate and its key as PEM. */
export interface IdentitySource {
  /** PEM: the server's certificate first, then the chain. */
  readonly cert: string | Uint8Array;
  /** PEM. */
  readonly key: string | Uint8Array;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string;
}

/** A certificate chain with its key, parsed and checked. */
export interface Identity {
  /** DER, the server's own certificate first. */
  readonly chain: readonly Uint8Array[];
  readonly signer: Signer;
  /** The certificate's lowercase DNS names, including wildcards, and addresses. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The original PEM, for TLS over TCP. */
  readonly cert: string;
  readonly key: string;
}

/** Why a certificate or key cannot be used. */
export type IdentityProblem =
  | "CERTIFICATE_UNREADABLE"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_NOT_YET_VALID"
  | "CERTIFICATE_UNSUPPORTED"
  | "KEY_UNREADABLE"
  | "KEY_ENCRYPTED"
  | "KEY_UNSUPPORTED"
  | "KEY_MISMATCH";

/** A certificate or key cannot be used. The message says which one, why, and what to do. */
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
  /** True to accept an expired or not yet valid certificate, although no client will. */
  readonly ignoreValidity?: boolean;
}

/** Throws an `IdentityError`. */
export const loadIdentity = (source: IdentitySource, options: LoadOptions = {}): Identity =>
  loadNamed(source, { cert: "the certificate", key: "the key", hint: pathHint }, options);

/** Names of certificate and key in messages, and a hint if one of them is not PEM. */
interface Labels {
  readonly cert: string;
  readonly key: string;
  hint(pem: string): string;
}

function loadNamed(source: IdentitySource, labels: Labels, options: LoadOptions): Identity {
  const cert = pemText(source.cert);
  const key =
    source.passphrase === undefined ? pemText(source.key) : decryptKey(pemText(source.key), source.passphrase);
  const chain = certificatesOfPem(cert);
  const leaf = readLeaf(chain, cert, labels);
  const names = namesOf(leaf);
  const label = names.length > 0 ? names.join(", ") : leaf.subject.display;
  const privateKey = readKey(key, labels);
  const signer = createSigner(privateKey);
  if (signer.schemes.length === 0) {
    const { namedCurve, modulusLength } = privateKey.asymmetricKeyDetails ?? {};
    const why =
      privateKey.asymmetricKeyType === "rsa"
        ? `has only ${modulusLength} bits: use an RSA key of at least 2048, or a P-256, P-384 or Ed25519 key`
        : `is of type ${namedCurve ?? privateKey.asymmetricKeyType}, which is not supported: use a P-256, P-384, Ed25519 or RSA key`;
    throw new IdentityError("KEY_UNSUPPORTED", `${labels.key} ${why}`);
  }
  if (!new X509Certificate(leaf.der).checkPrivateKey(privateKey)) {
    throw new IdentityError(
      "KEY_MISMATCH",
      `${labels.key} does not belong to the certificate for ${label}: ` +
        "use the key that belongs to it, and put the server's own certificate first",
    );
  }
  if (options.ignoreValidity !== true) checkValidity(leaf, label, options.now ?? new Date());
  return { chain, signer, names, notBefore: leaf.notBefore, notAfter: leaf.notAfter, cert, key };
}

/** Loads from files. Rejects with an `IdentityError`. */
export async function loadIdentityFiles(
  files: { readonly certFile: string; readonly keyFile: string; readonly passphrase?: string },
  options: LoadOptions = {},
): Promise<Identity> {
  const labels = { cert: `the certificate ${files.certFile}`, key: `the key ${files.keyFile}`, hint: () => "" };
  const readPem = async (path: string, code: IdentityProblem, what: string): Promise<string> => {
    try {
      return await readFile(path, "latin1");
    } catch (cause) {
      throw new IdentityError(code, `cannot read ${what}: ${whyUnreadable(cause)}`, { cause });
    }
  };
  // One after the other: of two files that cannot be read, the certificate is the one named.
  const cert = await readPem(files.certFile, "CERTIFICATE_UNREADABLE", labels.cert);
  const key = files.keyFile === files.certFile ? cert : await readPem(files.keyFile, "KEY_UNREADABLE", labels.key);
  if (cert.lastIndexOf("-----BEGIN") > cert.lastIndexOf("-----END")) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `${labels.cert} is incomplete: its last END line is missing`);
  }
  const { passphrase } = files;
  return loadNamed({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) }, labels, options);
}

function whyUnreadable(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file; check the path";
  if (code === "EACCES") return "permission denied; make it readable for the user that runs the server";
  if (code === "EISDIR") return "it is a folder; give a PEM file";
  return message;
}

function readLeaf(chain: readonly Uint8Array[], pem: string, labels: Labels): Certificate {
  const [first, ...others] = chain;
  if (first === undefined) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `${labels.cert} is not PEM text${labels.hint(pem)}`);
  }
  try {
    for (const other of others) parseX509(other);
    return parseX509(first);
  } catch (cause) {
    throw new IdentityError("CERTIFICATE_UNREADABLE", `${labels.cert} is damaged: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function readKey(pem: string, labels: Labels): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    if (/ENCRYPTED/.test(pem)) {
      const message = `${labels.key} is encrypted: decrypt it first (openssl pkey -in KEY -out PLAIN)`;
      throw new IdentityError("KEY_ENCRYPTED", message, { cause });
    }
    throw new IdentityError("KEY_UNREADABLE", `${labels.key} is not a private key in PEM text${labels.hint(pem)}`, {
      cause,
    });
  }
}

function decryptKey(pem: string, passphrase: string): string {
  try {
    return createPrivateKey({ key: pem, passphrase }).export({ type: "pkcs8", format: "pem" }) as string;
  } catch (cause) {
    const message = "the key cannot be decrypted: check the passphrase";
    throw new IdentityError("KEY_ENCRYPTED", message, { cause });
  }
}

/** A common mistake is to pass a file name instead of the file's content. */
const pathHint = (pem: string): string =>
  pem.length > 0 && pem.length < 1000 && !pem.includes("\n") ? `: read the file ${pem} and pass its content` : "";

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

/** A certificate's DNS names and addresses, in text form. */
export function namesOf(certificate: Certificate): string[] {
  const names: string[] = [];
  for (const name of certificate.altNames) {
    if (name.type === "dns") names.push(name.name.toLowerCase());
    else if (name.type === "address") names.push(formatAddressBytes(name.bytes));
  }
  return names;
}
