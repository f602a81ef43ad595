/**
 * X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): ML-KEM-768 (FIPS 203) and X25519 together, so that breaking one of them is not
 * enough. A KEM has no symmetric roles: the client sends a key, and the server answers with a ciphertext made for it.
 */

import { type Rng, randomBytes } from "../base/rng.ts";
import { concat } from "../wire/text.ts";
import type { CurveName, GroupName, KeyAnswer, KeyPair } from "./engine.ts";

/** FIPS 203, Table 3 */
export const MLKEM_KEY_LENGTH = 1184;
export const MLKEM_CIPHERTEXT_LENGTH = 1088;
/** FIPS 203 §7.1: d and z. */
export const MLKEM_SEED_LENGTH = 64;

const X25519_LENGTH = 32;

/** ML-KEM-768. Malformed input yields undefined; a ciphertext for another key yields a secret that nobody else has. */
export interface MlKem {
  keyPair(seed: Uint8Array): {
    readonly publicKey: Uint8Array;
    decapsulate(ciphertext: Uint8Array): Uint8Array | undefined;
  };
  encapsulate(
    publicKey: Uint8Array,
    rng: Rng,
  ): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } | undefined;
}

/** A key pair of a curve, which may hold memory outside of JavaScript. */
export interface CurveKeyPair extends KeyPair {
  /** Releases it. Afterwards the pair derives nothing. */
  free?(): void;
}

export interface KeyExchange {
  generateKeyPair(group: GroupName, rng: Rng): KeyPair;
  answerShare(group: GroupName, share: Uint8Array, rng: Rng): KeyAnswer | undefined;
}

/** Key exchange in all groups, with an engine's curves and KEM. */
export function createKeyExchange(curve: (name: CurveName, rng: Rng) => CurveKeyPair, kem: MlKem): KeyExchange {
  const x25519 = (rng: Rng) => curve("x25519", rng);
  return {
    generateKeyPair: (group, rng) => (group === "x25519mlkem768" ? hybridKeyPair(kem, x25519, rng) : curve(group, rng)),
    answerShare(group, share, rng) {
      if (group === "x25519mlkem768") return answerHybrid(kem, x25519, share, rng);
      const pair = curve(group, rng);
      const secret = pair.deriveShared(share);
      pair.free?.();
      return secret && { share: pair.publicKey, secret };
    },
  };
}

/** The client's side. Its share is the ML-KEM key, then the X25519 one, and so is the order of the secrets. */
function hybridKeyPair(kem: MlKem, x25519: (rng: Rng) => KeyPair, rng: Rng): KeyPair {
  const key = kem.keyPair(randomBytes(rng, MLKEM_SEED_LENGTH));
  const classical = x25519(rng);
  return {
    publicKey: concat(key.publicKey, classical.publicKey),
    deriveShared(answer) {
      if (answer.length !== MLKEM_CIPHERTEXT_LENGTH + X25519_LENGTH) return undefined;
      const secret = key.decapsulate(answer.subarray(0, MLKEM_CIPHERTEXT_LENGTH));
      const shared = classical.deriveShared(answer.subarray(MLKEM_CIPHERTEXT_LENGTH));
      return secret && shared && concat(secret, shared);
    },
  };
}

/** The server's side. */
function answerHybrid(
  kem: MlKem,
  x25519: (rng: Rng) => CurveKeyPair,
  share: Uint8Array,
  rng: Rng,
): KeyAnswer | undefined {
  if (share.length !== MLKEM_KEY_LENGTH + X25519_LENGTH) return undefined;
  const encapsulated = kem.encapsulate(share.subarray(0, MLKEM_KEY_LENGTH), rng);
  const classical = x25519(rng);
  const shared = classical.deriveShared(share.subarray(MLKEM_KEY_LENGTH));
  classical.free?.();
  if (encapsulated === undefined || shared === undefined) return undefined;
  return {
    share: concat(encapsulated.ciphertext, classical.publicKey),
    secret: concat(encapsulated.secret, shared),
  };
}
