/**
 * What is known of a number in a register: its bits, and its bounds as an unsigned and as a signed number. The three are
 * kept consistent: each sharpens the others.
 */

import * as tnum from "./tnum.ts";
import { type Tnum, U64 } from "./tnum.ts";

const S_MIN = -(1n << 63n);
const S_MAX = (1n << 63n) - 1n;
const U32 = 0xffff_ffffn;

export interface Scalar {
  readonly bits: Tnum;
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
}

export const ANY: Scalar = { bits: tnum.UNKNOWN, umin: 0n, umax: U64, smin: S_MIN, smax: S_MAX };

export function known(value: bigint): Scalar {
  const unsigned = BigInt.asUintN(64, value);
  const signed = BigInt.asIntN(64, value);
  return { bits: tnum.constant(unsigned), umin: unsigned, umax: unsigned, smin: signed, smax: signed };
}

export const unsigned = (umin: bigint, umax: bigint): Scalar => sharpen({ ...ANY, umin, umax }) ?? ANY;

/** Any number that was loaded from this many bytes, zero-extended or sign-extended. */
export function ofSize(bytes: number, isSigned = false): Scalar {
  if (bytes === 8) return ANY;
  const limit = 1n << BigInt(bytes * 8);
  return isSigned ? signed(-limit / 2n, limit / 2n - 1n) : unsigned(0n, limit - 1n);
}

export const signed = (smin: bigint, smax: bigint): Scalar => sharpen({ ...ANY, smin, smax }) ?? ANY;

export const isKnown = ({ bits }: Scalar): boolean => bits.mask === 0n;

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Lets each kind of knowledge sharpen the others. Undefined if they contradict each other. */
export function sharpen(scalar: Scalar): Scalar | undefined {
  let { bits, umin, umax, smin, smax } = scalar;
  for (let round = 0; round < 2; round += 1) {
    umin = max(umin, bits.value);
    umax = min(umax, bits.value | bits.mask);
    if (umin > umax) return undefined;
    // If the sign is known, both orders agree.
    if (umax <= BigInt(S_MAX) || umin > S_MAX) {
      smin = max(smin, BigInt.asIntN(64, umin));
      smax = min(smax, BigInt.asIntN(64, umax));
    }
    if (smin > smax) return undefined;
    if (smin >= 0n || smax < 0n) {
      umin = max(umin, BigInt.asUintN(64, smin));
      umax = min(umax, BigInt.asUintN(64, smax));
    }
    if (umin > umax) return undefined;
    const both = tnum.intersect(bits, tnum.range(umin, umax));
    if (both === undefined) return undefined;
    bits = both;
  }
  return { bits, umin, umax, smin, smax };
}

/** Results of arithmetic are never contradictory; where precision is lost, everything is possible. */
const result = (bits: Tnum, bounds: Partial<Scalar> = {}): Scalar => sharpen({ ...ANY, bits, ...bounds }) ?? ANY;

export function intersect(a: Scalar, b: Scalar): Scalar | undefined {
  const bits = tnum.intersect(a.bits, b.bits);
  if (bits === undefined) return undefined;
  return sharpen({
    bits,
    umin: max(a.umin, b.umin),
    umax: min(a.umax, b.umax),
    smin: max(a.smin, b.smin),
    smax: min(a.smax, b.smax),
  });
}

export const contains = (outer: Scalar, inner: Scalar): boolean =>
  outer.umin <= inner.umin &&
  outer.umax >= inner.umax &&
  outer.smin <= inner.smin &&
  outer.smax >= inner.smax &&
  tnum.contains(outer.bits, inner.bits);

/** The low bits, zero-extended. */
export function truncate(scalar: Scalar, bits: 8 | 16 | 32 | 64): Scalar {
  if (bits === 64) return scalar;
  const limit = (1n << BigInt(bits)) - 1n;
  if (scalar.umax <= limit) return scalar;
  const shift = BigInt(bits);
  const cut = tnum.truncate(scalar.bits, bits);
  for (const [least, most] of [
    [scalar.umin, scalar.umax],
    [scalar.smin, scalar.smax],
  ] as const) {
    // The same upper bits: the lower ones keep their order.
    if (least >> shift === most >> shift) return result(cut, { umin: least & limit, umax: most & limit });
  }
  return result(cut, { umin: 0n, umax: limit });
}

/** The low bits, sign-extended to 64. */
export function signExtend(scalar: Scalar, bits: 8 | 16 | 32): Scalar {
  const half = 1n << BigInt(bits - 1);
  if (scalar.smin >= -half && scalar.smax < half) return scalar;
  const low = truncate(scalar, bits);
  if (low.umax < half) return low;
  if (low.umin >= half) return add(low, known(-2n * half));
  return signed(-half, half - 1n);
}

export function add(a: Scalar, b: Scalar): Scalar {
  const bounds: { -readonly [K in keyof Scalar]?: Scalar[K] } = {};
  if (a.umax + b.umax <= U64) Object.assign(bounds, { umin: a.umin + b.umin, umax: a.umax + b.umax });
  if (a.smin + b.smin >= S_MIN && a.smax + b.smax <= S_MAX) {
    Object.assign(bounds, { smin: a.smin + b.smin, smax: a.smax + b.smax });
  }
  return result(tnum.add(a.bits, b.bits), bounds);
}

export function subtract(a: Scalar, b: Scalar): Scalar {
  const bounds: { -readonly [K in keyof Scalar]?: Scalar[K] } = {};
  if (a.umin >= b.umax) Object.assign(bounds, { umin: a.umin - b.umax, umax: a.umax - b.umin });
  if (a.smin - b.smax >= S_MIN && a.smax - b.smin <= S_MAX) {
    Object.assign(bounds, { smin: a.smin - b.smax, smax: a.smax - b.smin });
  }
  return result(tnum.subtract(a.bits, b.bits), bounds);
}

export function multiply(a: Scalar, b: Scalar): Scalar {
  const bits = tnum.multiply(a.bits, b.bits);
  return a.umax * b.umax <= U64 ? result(bits, { umin: a.umin * b.umin, umax: a.umax * b.umax }) : result(bits);
}

export const and = (a: Scalar, b: Scalar): Scalar =>
  result(tnum.and(a.bits, b.bits), { umin: 0n, umax: min(a.umax, b.umax) });

export const or = (a: Scalar, b: Scalar): Scalar =>
  result(tnum.or(a.bits, b.bits), { umin: max(a.umin, b.umin), umax: U64 });

export const xor = (a: Scalar, b: Scalar): Scalar => result(tnum.xor(a.bits, b.bits));

export function shiftLeft(a: Scalar, by: bigint): Scalar {
  const bits = tnum.shiftLeft(a.bits, by);
  return a.umax << by <= U64 ? result(bits, { umin: a.umin << by, umax: a.umax << by }) : result(bits);
}

export const shiftRight = (a: Scalar, by: bigint): Scalar =>
  result(tnum.shiftRight(a.bits, by), { umin: a.umin >> by, umax: a.umax >> by });

export const shiftRightSigned = (a: Scalar, by: bigint): Scalar => signed(a.smin >> by, a.smax >> by);

/** RFC 9669: x / 0 = 0. */
export const divide = (a: Scalar, b: Scalar): Scalar =>
  b.umin === 0n ? unsigned(0n, a.umax) : unsigned(a.umin / b.umax, a.umax / b.umin);

/** RFC 9669: x % 0 = x. */
export function modulo(a: Scalar, b: Scalar): Scalar {
  if (b.umin === 0n) return unsigned(0n, a.umax);
  return a.umax < b.umin ? a : unsigned(0n, min(a.umax, b.umax - 1n));
}

export const U32_MAX = U32;
