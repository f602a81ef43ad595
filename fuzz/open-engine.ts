/**
 * A crypto engine without protection: packets are in the clear, a tag encodes the packet's length, signatures always
 * verify, key exchange is an XOR and a hash is a checksum. The fuzzed code lies above the protection, which has its own
 * tests. Connections then take ten times as many inputs per second.
 */

import { type Rng, randomBytes } from "../src/base/rng.ts";
import {
  type CryptoEngine,
  type GroupName,
  HASH_LENGTH,
  type HashName,
  type HeaderKey,
  type KeyPair,
  type PacketKey,
  TAG_LENGTH,
} from "../src/crypto/engine.ts";
import { portableEngine } from "../src/crypto/portable/index.ts";
import type { TlsIdentity } from "../src/tls/index.ts";
import { ed25519Identity } from "../src/tls/testing/identity.ts";

const TAG_FILL = 0x5a;
const SHARE_LENGTH: Readonly<Record<GroupName, number>> = {
  x25519: 32,
  secp256r1: 65,
  secp384r1: 97,
  x25519mlkem768: 1216,
};

/** The tag of a packet of `length` bytes. Two packets parsed as one do not match it. */
export function openTag(length: number): Uint8Array {
  const tag = new Uint8Array(TAG_LENGTH).fill(TAG_FILL);
  tag[0] = length >>> 8;
  tag[1] = length;
  return tag;
}

const packetKey: PacketKey = {
  seal: ({ arena, header, end, count }, from) => {
    for (let i = from; i < count; i += 1) arena.set(openTag(end[i]! - header[i]!), end[i]! - TAG_LENGTH);
  },
  open: ({ arena, header, end, ok, count }, from) => {
    for (let i = from; i < count; i += 1) {
      const tag = openTag(end[i]! - header[i]!);
      const at = end[i]! - TAG_LENGTH;
      ok[i] = tag.every((byte, n) => byte === arena[at + n]) ? 1 : 0;
    }
  },
  free: () => undefined,
};

const headerKey: HeaderKey = { mask: ({ masks }) => void masks.fill(0), free: () => undefined };

/** FNV-1a, expanded to the length of the hash. */
class Checksum {
  #state = 0x811c9dc5;

  update(bytes: Uint8Array): this {
    let state = this.#state;
    for (let i = 0; i < bytes.length; i += 1) state = Math.imul(state ^ bytes[i]!, 0x01000193);
    this.#state = state;
    return this;
  }

  copy(): Checksum {
    const copy = new Checksum();
    copy.#state = this.#state;
    return copy;
  }

  digest(hash: HashName): Uint8Array {
    const digest = new Uint8Array(HASH_LENGTH[hash]);
    let state = this.#state;
    for (let i = 0; i < digest.length; i += 1) {
      state = Math.imul(state ^ (state >>> 15) ^ i, 0x2c1b3c6d);
      digest[i] = state >>> 24;
    }
    return digest;
  }
}

function generateKeyPair(group: GroupName, rng: Rng): KeyPair {
  const publicKey = randomBytes(rng, SHARE_LENGTH[group]);
  return {
    publicKey,
    deriveShared: (peer) =>
      peer.length === publicKey.length ? publicKey.map((byte, i) => byte ^ peer[i]!) : undefined,
  };
}

export const openEngine: CryptoEngine = {
  ...portableEngine,
  name: "open",
  createHash: (hash) => {
    const checksum = new Checksum();
    return {
      update: (bytes) => void checksum.update(bytes),
      digest: () => checksum.digest(hash),
      digestWith: (more) => checksum.copy().update(more).digest(hash),
    };
  },
  hash: (hash, bytes) => new Checksum().update(bytes).digest(hash),
  hmac: (hash, key, bytes) => new Checksum().update(key).update(bytes).digest(hash),
  createPacketKey: () => packetKey,
  createHeaderKey: () => headerKey,
  generateKeyPair,
  answerShare: (group, share, rng) => {
    const pair = generateKeyPair(group, rng);
    const secret = pair.deriveShared(share);
    return secret && { share: pair.publicKey, secret };
  },
  verify: () => true,
};

const SIGNATURE = new Uint8Array(64);

export const openIdentity: TlsIdentity = {
  chain: ed25519Identity().chain,
  signer: { schemes: ["ed25519"], sign: () => SIGNATURE },
};
