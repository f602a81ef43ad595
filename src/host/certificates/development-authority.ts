/**
 * An authority for development: made once, kept by its user, and trusted by the browsers in which the user installs it.
 * Name constraints (RFC 5280 §4.2.1.10) limit what its key could do in the wrong hands: it can speak for this machine and for
 * private networks only.
 */

import { createHash, createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dataDirectory, placeFile } from "../kept-file.ts";
import {
  basicConstraints,
  KeyUsage,
  keyUsage,
  nameConstraints,
  serialFrom,
  signCertificate,
  subjectKeyIdentifier,
  toPem,
} from "./builder.ts";
import { parseX509 } from "./certificate.ts";
import { addressBytes, commonName } from "./der-writer.ts";
import { coversDnsName } from "./host-name.ts";
import { certificatesOfPem } from "./pem.ts";
import { BACKDATING, type Issuer } from "./self-signed.ts";

export interface DevelopmentAuthority extends Issuer {
  /** PEM. */
  readonly cert: string;
  /** The file with the certificate alone, for browsers and other programs. */
  readonly certFile: string;
  /** SHA-256 of the certificate. */
  readonly sha256: Uint8Array;
  readonly notAfter: Date;
  /** True if it was made now, so nothing trusts it yet. */
  readonly isNew: boolean;
}

const DAY = 86_400_000;
const LIFETIME = 3_650 * DAY;
const RENEW_BEFORE = 60 * DAY;

/** Names for private use (RFC 6761, RFC 6762, RFC 8375, and the reserved "internal"), with all names below them. */
const DOMAINS = ["localhost", "test", "local", "internal", "home.arpa"] as const;
/** Loopback, private and link-local addresses. */
const RANGES = [
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
] as const;

/** For messages: what the authority may certify. */
export const PRIVATE_NAMES = `names below ${DOMAINS.join(", ")}, and private addresses`;

/** True if the authority may certify the name. */
export function isPrivateName(name: string): boolean {
  const address = addressBytes(name);
  if (address !== undefined) return RANGES.some((range) => isWithin(address, range));
  const host = name.toLowerCase().replace(/^\*\./, "");
  return DOMAINS.some((domain) => coversDnsName(domain, host) || host.endsWith(`.${domain}`));
}

function isWithin(address: Uint8Array, range: string): boolean {
  const [literal, prefix] = range.split("/");
  const start = addressBytes(literal!)!;
  if (start.length !== address.length) return false;
  const isEqual = (bit: number): boolean => ((start[bit >> 3]! ^ address[bit >> 3]!) & (0x80 >> (bit & 7))) === 0;
  return Array.from({ length: Number(prefix) }, (_, bit) => bit).every(isEqual);
}

/** Returns the user's authority, or makes it. Rejects if it cannot be stored. */
export async function developmentAuthority(
  options: { readonly directory?: string; readonly now?: Date } = {},
): Promise<DevelopmentAuthority> {
  const { directory = join(dataDirectory(), "development"), now = new Date() } = options;
  const path = join(directory, "authority.pem");
  const certFile = join(directory, "authority.crt");
  const kept = await readKept(path, certFile, now);
  if (kept !== undefined) return kept;
  const pem = makeAuthority(now);
  const other = await placeFile(path, pem, () => readKept(path, certFile, now));
  const authority = other ?? { ...describe(pem, certFile), isNew: true };
  await writeFile(certFile, authority.cert, { mode: 0o644 });
  return authority;
}

async function readKept(path: string, certFile: string, now: Date): Promise<DevelopmentAuthority | undefined> {
  try {
    const authority = describe(await readFile(path, "latin1"), certFile);
    return authority.notAfter.getTime() - now.getTime() < RENEW_BEFORE ? undefined : authority;
  } catch {
    return undefined;
  }
}

function describe(pem: string, certFile: string): DevelopmentAuthority {
  const der = certificatesOfPem(pem)[0]!;
  const { subject, spki, notAfter } = parseX509(der);
  return {
    name: subject.raw,
    spki,
    privateKey: createPrivateKey(pem),
    cert: toPem("CERTIFICATE", der),
    certFile,
    sha256: new Uint8Array(createHash("sha256").update(der).digest()),
    notAfter,
    isNew: false,
  };
}

function makeAuthority(now: Date): string {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" });
  // Lists of installed authorities show this name: it must tell several of them apart.
  const name = commonName(`Nagare development ${randomBytes(3).toString("hex")}`);
  const notBefore = new Date(now.getTime() - BACKDATING);
  const certificate = signCertificate(
    {
      serial: serialFrom(randomBytes(15)),
      subject: name,
      issuer: name,
      notBefore,
      notAfter: new Date(notBefore.getTime() + LIFETIME),
      spki,
      extensions: [
        basicConstraints(true, 0),
        keyUsage(KeyUsage.keyCertSign),
        nameConstraints([...DOMAINS, ...RANGES], []),
        subjectKeyIdentifier(spki),
      ],
    },
    privateKey,
  );
  return toPem("CERTIFICATE", certificate) + privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}
