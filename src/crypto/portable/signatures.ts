/** Signature verification on node:crypto. */

import { constants, createPublicKey, type KeyObject, verify as verifySignature } from "node:crypto";
import type { SignatureSchemeName } from "../engine.ts";
import { KEY_KIND, type PublicKey, parsePublicKey } from "../public-key.ts";

const HASH: Readonly<Record<SignatureSchemeName, string | null>> = {
  ecdsa_secp256r1_sha256: "sha256",
  ecdsa_secp384r1_sha384: "sha384",
  ed25519: null,
  rsa_pss_rsae_sha256: "sha256",
  rsa_pss_rsae_sha384: "sha384",
  rsa_pss_rsae_sha512: "sha512",
};

interface ImportedKey {
  readonly kind: PublicKey["kind"];
  readonly key: KeyObject;
}

/** Importing a key costs more than verifying with it, and a client talks to the same few servers repeatedly. */
const MAX_IMPORTED = 64;
const imported = new Map<string, ImportedKey>();

function importKey(spki: Uint8Array): ImportedKey | undefined {
  const name = Buffer.from(spki.buffer, spki.byteOffset, spki.length).toString("latin1");
  let entry = imported.get(name);
  if (entry === undefined) {
    const kind = parsePublicKey(spki)?.kind;
    if (kind === undefined) return undefined;
    entry = { kind, key: createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" }) };
  }
  // A Map keeps insertion order, so the least recently used entry comes first.
  imported.delete(name);
  imported.set(name, entry);
  if (imported.size > MAX_IMPORTED) imported.delete(imported.keys().next().value!);
  return entry;
}

export function verify(
  scheme: SignatureSchemeName,
  spki: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const entry = importKey(spki);
    if (entry === undefined || entry.kind !== KEY_KIND[scheme]) return false;
    if (entry.kind !== "rsa") return verifySignature(HASH[scheme], message, entry.key, signature);
    // RFC 8017 §8.1.2 step 1: as long as the modulus. OpenSSL accepts a signature without its leading zeros.
    const { modulusLength = 0 } = entry.key.asymmetricKeyDetails ?? {};
    if (signature.length !== Math.ceil(modulusLength / 8)) return false;
    // RFC 8446 §4.2.3: the salt is as long as the digest.
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    return verifySignature(HASH[scheme], message, { key: entry.key, padding, saltLength }, signature);
  } catch {
    return false; // A point off the curve, or anything else that OpenSSL rejects.
  }
}
