/** States in words, for the person whose program was refused. */

import { isKnown, type Scalar } from "./scalar.ts";
import type { State } from "./state.ts";
import { U64 } from "./tnum.ts";
import type { Value } from "./value.ts";

export function describeScalar(scalar: Scalar): string {
  if (isKnown(scalar)) return `${scalar.smin}`;
  const { umin, umax, smin, smax, bits } = scalar;
  if (umin === 0n && umax === U64) {
    if (smin > -(1n << 63n) || smax < (1n << 63n) - 1n) return `a number from ${smin} to ${smax}`;
    return bits.mask === U64
      ? "any number"
      : `a number with the bits 0x${bits.value.toString(16)}/0x${bits.mask.toString(16)}`;
  }
  return `a number from ${umin} to ${umax}`;
}

export function describeValue(value: Value): string {
  if (value.kind === "none") return "nothing";
  if (value.kind === "scalar") return describeScalar(value.scalar);
  const { to, offset, variable, size, nullable, map, frame } = value;
  const names: Readonly<Record<string, string>> = {
    "packet-end": "the packet's end",
    "packet-meta": "the packet's metadata",
  };
  let text = to === "map" ? `map ${map!.name}` : to === "map-value" ? `value of ${map!.name}` : (names[to] ?? to);
  if (to === "stack" && frame > 0) text += ` of frame ${frame}`;
  if (offset !== 0) text += offset > 0 ? ` + ${offset}` : ` - ${-offset}`;
  if (variable !== undefined) text += ` + (${describeScalar(variable)})`;
  if (to === "packet" || to === "packet-meta") text += `, of which ${size} bytes are known to exist`;
  if (to === "record" || to === "memory") text += ` of ${size} bytes`;
  return nullable ? `${text}, or null` : text;
}

export function describeState(state: State): readonly string[] {
  const registers = state.registers.flatMap((value, index) =>
    value.kind === "none" || index === 10 ? [] : [`r${index} = ${describeValue(value)}`],
  );
  return [...registers, ...state.frame.stack.describe(describeValue)];
}
