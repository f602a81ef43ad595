/** Private scalars from an injected source, drawn the same way by every engine, so that one seed gives one key pair. */

import type { Rng } from "../base/rng.ts";
import { fromHex } from "../wire/hex.ts";
import type { CurveName } from "./engine.ts";

/** The order of the group's base point (SEC 2 §2.4.2, §2.5.1); X25519 takes any 32 bytes and clamps them (RFC 7748 §5). */
const ORDER: Readonly<Record<CurveName, Uint8Array | undefined>> = {
  x25519: undefined,
  secp256r1: fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
  secp384r1: fromHex(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
  ),
};

/** The length of a field element, and so of a scalar and of a shared secret. */
export const FIELD_LENGTH: Readonly<Record<CurveName, number>> = { x25519: 32, secp256r1: 32, secp384r1: 48 };

/** Redraws until the number lies in [1, order), which the first draw misses once in 2^32. */
export function drawScalar(group: CurveName, rng: Rng): Uint8Array {
  const scalar = new Uint8Array(FIELD_LENGTH[group]);
  const order = ORDER[group];
  do rng.fill(scalar);
  while (order !== undefined && !isInRange(scalar, order));
  return scalar;
}

function isInRange(scalar: Uint8Array, order: Uint8Array): boolean {
  if (scalar.every((byte) => byte === 0)) return false;
  for (let i = 0; i < order.length; i += 1) {
    if (scalar[i] !== order[i]) return scalar[i]! < order[i]!;
  }
  return false;
}

/** A key share on a NIST curve must be an uncompressed point (RFC 8446 §4.2.8.2). */
export const isUncompressedPoint = (share: Uint8Array, group: CurveName): boolean =>
  share.length === 1 + 2 * FIELD_LENGTH[group] && share[0] === 4;
