/**
 * Tristate numbers: each of 64 bits is 0, 1 or unknown. A tnum stands for all numbers that agree with `value` outside of
 * `mask`. Operations follow Vishwanathan et al., "Sound, Precise, and Fast Abstract Interpretation with Tristate Numbers".
 */

export interface Tnum {
  readonly value: bigint;
  readonly mask: bigint;
}

export const U64 = (1n << 64n) - 1n;

const u64 = (value: bigint): bigint => value & U64;

export const UNKNOWN: Tnum = { value: 0n, mask: U64 };

export const constant = (value: bigint): Tnum => ({ value: u64(value), mask: 0n });

/** The smallest tnum with all numbers from `min` to `max`. */
export function range(min: bigint, max: bigint): Tnum {
  const difference = min ^ max;
  const bits = difference === 0n ? 0 : difference.toString(2).length;
  const mask = (1n << BigInt(bits)) - 1n;
  return { value: min & ~mask, mask };
}

export function add(a: Tnum, b: Tnum): Tnum {
  const low = a.value + b.value;
  const sum = a.mask + b.mask + low;
  const mask = u64((sum ^ low) | a.mask | b.mask);
  return { value: u64(low) & ~mask, mask };
}

export function subtract(a: Tnum, b: Tnum): Tnum {
  const difference = u64(a.value - b.value);
  const alpha = u64(difference + a.mask);
  const beta = u64(difference - b.mask);
  const mask = (alpha ^ beta) | a.mask | b.mask;
  return { value: difference & ~mask & U64, mask };
}

export function and(a: Tnum, b: Tnum): Tnum {
  const value = a.value & b.value;
  return { value, mask: (a.value | a.mask) & (b.value | b.mask) & ~value };
}

export function or(a: Tnum, b: Tnum): Tnum {
  const value = a.value | b.value;
  return { value, mask: (a.mask | b.mask) & ~value };
}

export function xor(a: Tnum, b: Tnum): Tnum {
  const mask = a.mask | b.mask;
  return { value: (a.value ^ b.value) & ~mask, mask };
}

export const shiftLeft = ({ value, mask }: Tnum, by: bigint): Tnum => ({
  value: u64(value << by),
  mask: u64(mask << by),
});

export const shiftRight = ({ value, mask }: Tnum, by: bigint): Tnum => ({ value: value >> by, mask: mask >> by });

/** Only the trailing zeros of both survive, unless both are known. */
export function multiply(a: Tnum, b: Tnum): Tnum {
  if (a.mask === 0n && b.mask === 0n) return constant(a.value * b.value);
  const zeros = BigInt(Math.min(64, trailingZeros(a) + trailingZeros(b)));
  return { value: 0n, mask: u64(U64 << zeros) };
}

function trailingZeros({ value, mask }: Tnum): number {
  const bits = value | mask;
  return bits === 0n ? 64 : (bits & -bits).toString(2).length - 1;
}

/** Numbers that both stand for; undefined if there are none. */
export function intersect(a: Tnum, b: Tnum): Tnum | undefined {
  const mask = a.mask & b.mask;
  const value = a.value | b.value;
  // A bit that both know must be the same.
  if (((a.value ^ b.value) & ~a.mask & ~b.mask) !== 0n) return undefined;
  return { value: value & ~mask, mask };
}

/** True if all of `inner` is in `outer`. */
export const contains = (outer: Tnum, inner: Tnum): boolean =>
  (inner.mask & ~outer.mask) === 0n && (inner.value & ~outer.mask) === outer.value;

/** The low bits. */
export function truncate({ value, mask }: Tnum, bits: number): Tnum {
  const kept = (1n << BigInt(bits)) - 1n;
  return { value: value & kept, mask: mask & kept };
}
