/**
 * The cryptography that Nagare needs, and nothing more. TLS and QUIC see only this interface; the engine behind it
 * (`portable` on node:crypto, `openssl` on the same library without node:crypto, `pure` on audited JavaScript) is chosen and reported at startup.
 *
 * Packet keys work on batches, because that is where a faster engine pays off.
 */

import type { Rng } from "../base/rng.ts";

/** The AEAD algorithms of TLS 1.3 that QUIC uses (RFC 9001 §5.3). */
export type AeadName = "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305";
/** The hash functions of the cipher suites. */
export type HashName = "sha256" | "sha384";
/** The key exchange groups on elliptic curves. */
export type CurveName = "x25519" | "secp256r1" | "secp384r1";
/** The key exchange groups: the curves, and a hybrid with ML-KEM. */
export type GroupName = CurveName | "x25519mlkem768";

/** Signature schemes by their IANA names (RFC 8446 §4.2.3). */
export type SignatureSchemeName =
  | "ecdsa_secp256r1_sha256"
  | "ecdsa_secp384r1_sha384"
  | "ed25519"
  | "rsa_pss_rsae_sha256"
  | "rsa_pss_rsae_sha384"
  | "rsa_pss_rsae_sha512";

/** Bytes of a hash. */
export const HASH_LENGTH: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48 };
/** Bytes of a key. */
export const KEY_LENGTH: Readonly<Record<AeadName, number>> = {
  "aes-128-gcm": 16,
  "aes-256-gcm": 32,
  "chacha20-poly1305": 32,
};
/** Bytes of an initialization vector. */
export const IV_LENGTH = 12;
/** Bytes of an authentication tag. */
export const TAG_LENGTH = 16;
/** The bytes of ciphertext from which a header protection mask is made (RFC 9001 §5.4.2). */
export const SAMPLE_LENGTH = 16;

/** A running hash, for the TLS transcript. */
export interface RunningHash {
  /** Adds bytes. */
  update(bytes: Uint8Array): void;
  /** The digest so far; more may be hashed afterwards. */
  digest(): Uint8Array;
  /** The digest as if `more` followed. It is not added. */
  digestWith(more: Uint8Array): Uint8Array;
}

/** One side of a key exchange. */
export interface KeyPair {
  /**
   * As in a client's key share: 32 bytes for x25519, the uncompressed point for the NIST curves, 1216 bytes for
   * x25519mlkem768.
   */
  readonly publicKey: Uint8Array;
  /** The shared secret; undefined if the peer's share is malformed or yields the all-zero secret. */
  deriveShared(peerShare: Uint8Array): Uint8Array | undefined;
}

/** A server's answer to a client's key share. */
export interface KeyAnswer {
  /** As in a server's key share: like a client's, but 1120 bytes for x25519mlkem768. */
  readonly share: Uint8Array;
  readonly secret: Uint8Array;
}

/**
 * The packets of one batch, as a struct of arrays over one arena. Offsets are absolute. In each packet [header,
 * payload) is in the clear and [payload, end) is protected; its last 16 bytes are the tag.
 */
export class PacketBatch {
  readonly arena: Uint8Array;
  /** Offset of the packet's first byte. */
  readonly header: Uint32Array;
  /** Offset of the first byte of the packet number. */
  readonly packetNumberOffset: Uint32Array;
  /** Offset of the first byte after the packet number. */
  readonly payload: Uint32Array;
  /** Offset after the tag. */
  readonly end: Uint32Array;
  readonly packetNumber: Float64Array;
  /** 1 if `open` verified the tag. */
  readonly ok: Uint8Array;
  /** Header protection masks: five significant bytes at every multiple of 16. */
  readonly masks: Uint8Array;
  readonly capacity: number;
  count = 0;

  constructor(arena: Uint8Array, capacity: number) {
    this.arena = arena;
    this.capacity = capacity;
    this.header = new Uint32Array(capacity);
    this.packetNumberOffset = new Uint32Array(capacity);
    this.payload = new Uint32Array(capacity);
    this.end = new Uint32Array(capacity);
    this.packetNumber = new Float64Array(capacity);
    this.ok = new Uint8Array(capacity);
    this.masks = new Uint8Array(capacity * SAMPLE_LENGTH);
  }
}

/** One direction of one key generation. */
export interface PacketKey {
  /**
   * Encrypts packets [from, count) in place; the 16 bytes before `end` become the tag. The nonce is the IV XOR the
   * packet number, with the path ID in its first 32 bits (0 for path 0).
   */
  seal(batch: PacketBatch, from: number, pathId: number): void;
  /** Decrypts packets [from, count) in place and sets `ok`. If it fails, the packet's bytes are garbage. */
  open(batch: PacketBatch, from: number, pathId: number): void;
  /** Releases what the key holds outside of JavaScript. It cannot be used afterwards. */
  free(): void;
}

/** A key of header protection (RFC 9001 §5.4). */
export interface HeaderKey {
  /**
   * Fills `masks` for packets [from, count) from the sample that starts four bytes after `packetNumberOffset` (RFC 9001
   * §5.4.2).
   */
  mask(batch: PacketBatch, from: number): void;
  /** As for packet keys. */
  free(): void;
}

/** All cryptography that TLS and QUIC need. Every function is synchronous. */
export interface CryptoEngine {
  /** For display: "portable", "openssl", "pure". */
  readonly name: string;
  /** For display: how it works here, if that depends on the machine. */
  readonly detail?: string;

  /** Begins a hash of bytes that arrive in parts. */
  createHash(hash: HashName): RunningHash;
  /** The hash of `bytes`. */
  hash(hash: HashName, bytes: Uint8Array): Uint8Array;
  /** `length` is how much of the result is needed; an engine may return all of it nevertheless. */
  hmac(hash: HashName, key: Uint8Array, bytes: Uint8Array, length?: number): Uint8Array;

  /** A key that protects packets (RFC 9001 §5.3). `iv` has 12 bytes. */
  createPacketKey(aead: AeadName, key: Uint8Array, iv: Uint8Array): PacketKey;
  /** A key that protects headers (RFC 9001 §5.4). */
  createHeaderKey(aead: AeadName, key: Uint8Array): HeaderKey;

  /** Single-shot AEAD, for tokens and the Retry tag. The tag is the last 16 bytes of the result. */
  aeadSeal(aead: AeadName, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined if the tag does not verify. */
  aeadOpen(
    aead: AeadName,
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ): Uint8Array | undefined;

  /** Generates a client's key pair. The private key comes from `rng`, so seeded runs are reproducible. */
  generateKeyPair(group: GroupName, rng: Rng): KeyPair;
  /** Answers a client's share; undefined if it is malformed. Seeded runs are reproducible. */
  answerShare(group: GroupName, share: Uint8Array, rng: Rng): KeyAnswer | undefined;

  /**
   * `spki` is a DER SubjectPublicKeyInfo. Returns false for a bad signature, an unusable key or a key of another kind.
   */
  verify(scheme: SignatureSchemeName, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** A private key, wherever it is kept: takes bytes and returns a signature. */
export interface Signer {
  /** The schemes this key can sign with, in order of preference. */
  readonly schemes: readonly SignatureSchemeName[];
  /** Signs `message`; throws if the key does not fit the scheme. */
  sign(scheme: SignatureSchemeName, message: Uint8Array): Uint8Array;
}
