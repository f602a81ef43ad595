/** Derives packet keys from a traffic secret (RFC 9001 §5.1). */

import {
  type AeadName,
  type CryptoEngine,
  type HashName,
  type HeaderKey,
  IV_LENGTH,
  KEY_LENGTH,
  type PacketKey,
} from "../../crypto/engine.ts";
import { hkdfExpandLabel } from "../../crypto/hkdf.ts";
import { versionRow } from "../versions/index.ts";

/** The keys that protect the packets of one level in one direction. */
export interface PacketKeys {
  readonly aead: AeadName;
  readonly packet: PacketKey;
  readonly header: HeaderKey;
}

const NO_CONTEXT = new Uint8Array(0);

/** Derives all keys of a level. `hash` is that of the cipher suite, and sha256 for Initial packets. */
export function derivePacketKeys(
  engine: CryptoEngine,
  aead: AeadName,
  hash: HashName,
  secret: Uint8Array,
  version: number,
): PacketKeys {
  const hp = hkdfExpandLabel(engine, hash, secret, versionRow(version).labels.hp, NO_CONTEXT, KEY_LENGTH[aead]);
  return {
    aead,
    packet: derivePacketKey(engine, aead, hash, secret, version),
    header: engine.createHeaderKey(aead, hp),
  };
}

/** Releases what the keys hold outside of JavaScript. */
export function freeKeys(keys: PacketKeys | undefined): void {
  keys?.packet.free();
  keys?.header.free();
}

/** Derives only the AEAD key and IV: a key update does not change header protection (RFC 9001 §6.1). */
export function derivePacketKey(
  engine: CryptoEngine,
  aead: AeadName,
  hash: HashName,
  secret: Uint8Array,
  version: number,
): PacketKey {
  const { labels } = versionRow(version);
  const key = hkdfExpandLabel(engine, hash, secret, labels.key, NO_CONTEXT, KEY_LENGTH[aead]);
  const iv = hkdfExpandLabel(engine, hash, secret, labels.iv, NO_CONTEXT, IV_LENGTH);
  return engine.createPacketKey(aead, key, iv);
}

/** The secret of the next generation of 1-RTT keys (RFC 9001 §6.1). */
export function nextSecret(engine: CryptoEngine, hash: HashName, secret: Uint8Array, version: number): Uint8Array {
  return hkdfExpandLabel(engine, hash, secret, versionRow(version).labels.ku, NO_CONTEXT, secret.length);
}
