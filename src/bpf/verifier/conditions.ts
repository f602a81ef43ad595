/** What a branch says about numbers: whether it is taken, and what is known of both operands on each side. */

import type { Condition } from "../isa/index.ts";
import { intersect, isKnown, type Scalar, sharpen, signExtend, truncate, U32_MAX } from "./scalar.ts";
import * as tnum from "./tnum.ts";

/** The condition that holds if this one does not. jset has none. */
const OPPOSITE: Readonly<Partial<Record<Condition, Condition>>> = {
  ...{ jeq: "jne", jne: "jeq", jgt: "jle", jle: "jgt", jge: "jlt", jlt: "jge" },
  ...{ jsgt: "jsle", jsle: "jsgt", jsge: "jslt", jslt: "jsge" },
};

/** The condition with its operands swapped. */
export const SWAPPED: Readonly<Record<Condition, Condition>> = {
  ...{ jeq: "jeq", jne: "jne", jset: "jset", jgt: "jlt", jlt: "jgt", jge: "jle", jle: "jge" },
  ...{ jsgt: "jslt", jslt: "jsgt", jsge: "jsle", jsle: "jsge" },
};

type Pair = readonly [left: Scalar, right: Scalar];

/** Both operands if the condition holds, or if it does not; undefined if that is impossible. */
export function assume(
  condition: Condition,
  left: Scalar,
  right: Scalar,
  wide: boolean,
  holds: boolean,
): Pair | undefined {
  if (wide) return assume64(condition, left, right, holds);
  const isSigned = condition.startsWith("js") && condition !== "jset";
  const limit = isSigned ? U32_MAX / 2n : U32_MAX;
  // The lower half is the whole number.
  if (left.umax <= limit && right.umax <= limit) return assume64(condition, left, right, holds);
  const [low, other] = isSigned
    ? [signExtend(truncate(left, 32), 32), signExtend(truncate(right, 32), 32)]
    : [truncate(left, 32), truncate(right, 32)];
  const halves = assume64(condition, low, other, holds);
  if (halves === undefined) return undefined;
  const isEqual = (condition === "jeq" && holds) || (condition === "jne" && !holds);
  // The upper half stays unknown, but the bits of the lower one are known.
  return isEqual ? [withLowBits(left, halves[0]), withLowBits(right, halves[1])] : [left, right];
}

function withLowBits(scalar: Scalar, low: Scalar): Scalar {
  const bits = { value: low.bits.value & U32_MAX, mask: (low.bits.mask & U32_MAX) | (tnum.U64 ^ U32_MAX) };
  const both = tnum.intersect(scalar.bits, bits);
  return (both && sharpen({ ...scalar, bits: both })) ?? scalar;
}

function assume64(condition: Condition, left: Scalar, right: Scalar, holds: boolean): Pair | undefined {
  if (condition === "jset") return assumeBits(left, right, holds);
  switch (holds ? condition : OPPOSITE[condition]!) {
    case "jeq": {
      const both = intersect(left, right);
      return both && [both, both];
    }
    case "jne": {
      const [a, b] = [exclude(left, right), exclude(right, left)];
      return a && b && [a, b];
    }
    case "jgt":
      return pair(
        { ...left, umin: larger(left.umin, right.umin + 1n) },
        { ...right, umax: smaller(right.umax, left.umax - 1n) },
      );
    case "jge":
      return pair({ ...left, umin: larger(left.umin, right.umin) }, { ...right, umax: smaller(right.umax, left.umax) });
    case "jlt":
      return pair(
        { ...left, umax: smaller(left.umax, right.umax - 1n) },
        { ...right, umin: larger(right.umin, left.umin + 1n) },
      );
    case "jle":
      return pair({ ...left, umax: smaller(left.umax, right.umax) }, { ...right, umin: larger(right.umin, left.umin) });
    case "jsgt":
      return pair(
        { ...left, smin: larger(left.smin, right.smin + 1n) },
        { ...right, smax: smaller(right.smax, left.smax - 1n) },
      );
    case "jsge":
      return pair({ ...left, smin: larger(left.smin, right.smin) }, { ...right, smax: smaller(right.smax, left.smax) });
    case "jslt":
      return pair(
        { ...left, smax: smaller(left.smax, right.smax - 1n) },
        { ...right, smin: larger(right.smin, left.smin + 1n) },
      );
    default:
      return pair({ ...left, smax: smaller(left.smax, right.smax) }, { ...right, smin: larger(right.smin, left.smin) });
  }
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

function pair(left: Scalar, right: Scalar): Pair | undefined {
  const [a, b] = [sharpen(left), sharpen(right)];
  return a && b && [a, b];
}

/** A range without one known number, which only helps at its ends. */
function exclude(scalar: Scalar, other: Scalar): Scalar | undefined {
  if (!isKnown(other)) return scalar;
  let { umin, umax, smin, smax } = scalar;
  if (umin === other.umin) umin += 1n;
  if (umax === other.umin) umax -= 1n;
  if (smin === other.smin) smin += 1n;
  if (smax === other.smin) smax -= 1n;
  return umin > umax || smin > smax ? undefined : sharpen({ ...scalar, umin, umax, smin, smax });
}

function assumeBits(left: Scalar, right: Scalar, holds: boolean): Pair | undefined {
  if (holds && (left.bits.value | left.bits.mask) !== 0n) {
    // At least one common bit must be possible.
    if (((left.bits.value | left.bits.mask) & (right.bits.value | right.bits.mask)) === 0n) return undefined;
    const isOneBit = isKnown(right) && (right.umin & (right.umin - 1n)) === 0n;
    if (!isOneBit) return [left, right];
    const bits = { value: left.bits.value | right.umin, mask: left.bits.mask & ~right.umin };
    const refined = sharpen({ ...left, bits });
    return refined && [refined, right];
  }
  if (holds) return undefined;
  if ((left.bits.value & right.bits.value) !== 0n) return undefined;
  if (!isKnown(right)) return [left, right];
  const refined = sharpen({
    ...left,
    bits: { value: left.bits.value & ~right.umin, mask: left.bits.mask & ~right.umin },
  });
  return refined && [refined, right];
}
