/**
 * A certificate for development: self-signed, for localhost, kept in the user's cache directory and renewed in time.
 * It is valid for less than 14 days, so that browsers accept it by its hash (WebTransport's serverCertificateHashes).
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, placeFile } from "../kept-file.ts";
import { parseX509 } from "./certificate.ts";
import { type Identity, loadIdentity } from "./identity.ts";
import type { Issuer } from "./self-signed.ts";

/** The names in a development certificate, and where it is kept. */
export interface DevelopmentOptions {
  /** Names in addition to localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[];
  /** Where the certificate is kept. Default: the user's cache directory. */
  readonly directory?: string;
  readonly now?: Date;
  /** Signs the certificate. By default it is self-signed. */
  readonly authority?: Issuer;
}

/** A certificate for development, and what a browser needs to accept it. */
export interface DevelopmentIdentity extends Identity {
  /** Base64 of the SHA-256 of the public key, for Chromium's --ignore-certificate-errors-spki-list. */
  readonly spkiHash: string;
  /** SHA-256 of the certificate, for serverCertificateHashes. */
  readonly sha256: Uint8Array;
  /** The file with certificate and key; undefined if it could not be stored. */
  readonly path: string | undefined;
}

const DAY = 86_400_000;
/** The W3C's limit is 14 days. */
const LIFETIME = 13 * DAY;
const RENEW_BEFORE = 2 * DAY;

const DEFAULT_NAMES = ["localhost", "127.0.0.1", "::1"] as const;

/** Returns the certificate for localhost, kept between runs and renewed before it expires. It is valid for 13 days. */
export async function developmentIdentity(options: DevelopmentOptions = {}): Promise<DevelopmentIdentity> {
  const now = options.now ?? new Date();
  const names = [...new Set([...DEFAULT_NAMES, ...(options.names ?? []).map((name) => name.toLowerCase())])];
  const directory = options.directory ?? cacheDirectory();
  const { authority } = options;
  const path = join(directory, `development-${fingerprint(names, authority)}.pem`);
  const kept = await readKept(path, now);
  if (kept !== undefined) return describe(kept, path);
  const fresh = await makePem(names, now, authority);
  const stored = await store(path, fresh, now);
  return stored ?? describe(load(fresh, now), undefined);
}

/** Identifies the file for a set of names, and for an authority. */
const fingerprint = (names: readonly string[], authority: Issuer | undefined): string =>
  createHash("sha256")
    .update([...names].sort().join("\n"))
    .update(authority?.spki ?? "")
    .digest("hex")
    .slice(0, 16);

/** Certificate and key are in one file, so that they always match. */
const load = (pem: string, now: Date): Identity => loadIdentity({ cert: pem, key: pem }, { now });

/** Returns undefined if the file is missing, damaged or about to expire. */
async function readKept(path: string, now: Date): Promise<Identity | undefined> {
  try {
    const identity = load(await readFile(path, "latin1"), now);
    return identity.notAfter.getTime() - now.getTime() < RENEW_BEFORE ? undefined : identity;
  } catch {
    return undefined;
  }
}

async function makePem(names: readonly string[], now: Date, issuer: Issuer | undefined): Promise<string> {
  const { selfSigned } = await import("./self-signed.ts");
  return selfSigned({ subject: "Nagare development", names, now, lifetime: LIFETIME, issuer });
}

/**
 * Stores the certificate. If another process has stored one first, returns that certificate, so that both serve the
 * same one. Undefined if nothing can be written: the certificate is then kept only in memory.
 */
async function store(path: string, pem: string, now: Date): Promise<DevelopmentIdentity | undefined> {
  try {
    const other = await placeFile(path, pem, () => readKept(path, now));
    return describe(other ?? load(pem, now), path);
  } catch {
    return undefined;
  }
}

function describe(identity: Identity, path: string | undefined): DevelopmentIdentity {
  const [leaf] = identity.chain;
  const { spki } = parseX509(leaf!);
  return {
    ...identity,
    spkiHash: createHash("sha256").update(spki).digest("base64"),
    sha256: new Uint8Array(createHash("sha256").update(leaf!).digest()),
    path,
  };
}
