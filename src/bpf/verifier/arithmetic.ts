/** ALU instructions on numbers and pointers. */

import { type Alu, type AluName, IMMEDIATE, type MoveSigned, type Swap } from "../isa/index.ts";
import { isBounded, refuse, type Surroundings } from "./context.ts";
import * as scalars from "./scalar.ts";
import { ANY, isKnown, known, ofSize, type Scalar, signExtend, truncate } from "./scalar.ts";
import type { State } from "./state.ts";
import { constantValue, type Pointer, scalarValue, type Value } from "./value.ts";

const MAX_OFFSET = 1 << 29;

/** The value of a register that must hold something. */
export function readRegister(state: State, register: number): Value {
  const value = state.registers[register]!;
  return value.kind === "none" ? refuse(`r${register} is read, but nothing was written to it`) : value;
}

export function readScalar(state: State, register: number): Scalar {
  const value = readRegister(state, register);
  return value.kind === "scalar" ? value.scalar : refuse(`r${register} is a pointer, where a number is needed`);
}

export function applyAlu(state: State, { op, wide, dst, src, imm }: Alu, surroundings: Surroundings): void {
  const { registers } = state;
  const right = src === IMMEDIATE ? constantValue(BigInt(imm)) : readRegister(state, src);
  if (op === "mov") {
    registers[dst] = move(state, src, right, wide, surroundings);
    return;
  }
  const left = readRegister(state, dst);
  if (left.kind === "scalar" && right.kind === "scalar") {
    const result = wide ? alu64(op, left.scalar, right.scalar) : alu32(op, left.scalar, right.scalar);
    registers[dst] = scalarValue(result);
    return;
  }
  if (!wide) {
    // The lower half of an address is a number, and so is the result.
    const half = (value: Value): Scalar => (value.kind === "scalar" ? value.scalar : ofSize(4));
    registers[dst] = scalarValue(alu32(op, half(left), half(right)));
    return;
  }
  registers[dst] = pointerArithmetic(op, left, right, surroundings);
}

function move(state: State, src: number, value: Value, wide: boolean, surroundings: Surroundings): Value {
  // Half of an address is a number like any other, and no pointer any more.
  if (value.kind !== "scalar") return wide ? value : scalarValue(ofSize(4));
  const isWhole = wide || value.scalar.umax <= scalars.U32_MAX;
  if (!isWhole) return scalarValue(truncate(value.scalar, 32));
  if (src === IMMEDIATE || isKnown(value.scalar)) return scalarValue(value.scalar);
  if (value.id !== 0) return value;
  // From now on, what is learned of one copy holds for the other.
  const shared = scalarValue(value.scalar, surroundings.newId());
  state.registers[src] = shared;
  return shared;
}

function pointerArithmetic(op: AluName, left: Value, right: Value, surroundings: Surroundings): Value {
  if (op === "sub" && left.kind === "pointer" && right.kind === "pointer") {
    const isPacket = (value: Pointer): boolean => value.to.startsWith("packet");
    if (isPacket(left) && isPacket(right)) return scalarValue(ANY);
    return refuse(`the difference of pointers to ${left.to} and ${right.to}`);
  }
  if (op === "add" && right.kind === "pointer" && left.kind === "scalar") {
    return movePointer(right, left.scalar, false, surroundings);
  }
  if ((op !== "add" && op !== "sub") || left.kind !== "pointer" || right.kind !== "scalar") {
    return refuse(`"${op}" on a pointer; only a number may be added to or subtracted from one`);
  }
  return movePointer(left, right.scalar, op === "sub", surroundings);
}

function movePointer(from: Pointer, by: Scalar, isSubtracted: boolean, surroundings: Surroundings): Pointer {
  const { to, nullable } = from;
  if (to === "map" || to === "packet-end")
    refuse(`arithmetic on a pointer to ${to === "map" ? "a map" : "the packet's end"}`);
  if (nullable) refuse("arithmetic on a pointer that may be null; compare it with null first");
  if (isKnown(by)) {
    const distance = Number(isSubtracted ? -by.smin : by.smin);
    const offset = from.offset + distance;
    if (Math.abs(offset) > MAX_OFFSET) refuse(`a pointer is moved by ${distance} bytes`);
    return { ...from, offset };
  }
  if (to === "context") refuse("an unknown number is added to the pointer to the context");
  const start = from.variable ?? known(0n);
  const variable = isSubtracted ? scalars.subtract(start, by) : scalars.add(start, by);
  if (!isBounded(by) || !isBounded(variable)) {
    refuse("a number without bounds is added to a pointer; compare it with a limit first");
  }
  // A new unknown part: nothing is known of the bytes behind it.
  const isPacket = to === "packet" || to === "packet-meta";
  return { ...from, variable, id: isPacket ? surroundings.newId() : from.id, size: isPacket ? 0 : from.size };
}

function alu64(op: AluName, a: Scalar, b: Scalar): Scalar {
  switch (op) {
    case "add":
      return scalars.add(a, b);
    case "sub":
      return scalars.subtract(a, b);
    case "mul":
      return scalars.multiply(a, b);
    case "div":
      return scalars.divide(a, b);
    case "mod":
      return scalars.modulo(a, b);
    case "and":
      return scalars.and(a, b);
    case "or":
      return scalars.or(a, b);
    case "xor":
      return scalars.xor(a, b);
    case "lsh":
      return isKnown(b) ? scalars.shiftLeft(a, b.umin & 63n) : ANY;
    case "rsh":
      return isKnown(b) ? scalars.shiftRight(a, b.umin & 63n) : scalars.unsigned(0n, a.umax);
    case "arsh":
      return isKnown(b) ? scalars.shiftRightSigned(a, b.umin & 63n) : ANY;
    default:
      return ANY;
  }
}

function alu32(op: AluName, a: Scalar, b: Scalar): Scalar {
  const [left, right] = [truncate(a, 32), truncate(b, 32)];
  switch (op) {
    case "lsh":
      return isKnown(right) ? truncate(scalars.shiftLeft(left, right.umin & 31n), 32) : ofSize(4);
    case "rsh":
      return isKnown(right) ? scalars.shiftRight(left, right.umin & 31n) : scalars.unsigned(0n, left.umax);
    case "arsh":
      if (!isKnown(right)) return ofSize(4);
      return truncate(scalars.shiftRightSigned(signExtend(left, 32), right.umin & 31n), 32);
    case "sdiv":
    case "smod":
      return ofSize(4);
    default:
      return truncate(alu64(op, left, right), 32);
  }
}

export function applyNegation(state: State, dst: number, wide: boolean): void {
  const zero = known(0n);
  const value = readScalar(state, dst);
  state.registers[dst] = scalarValue(wide ? alu64("sub", zero, value) : alu32("sub", zero, value));
}

export function applyMoveSigned(state: State, { wide, bits, dst, src }: MoveSigned): void {
  const extended = signExtend(readScalar(state, src), bits);
  state.registers[dst] = scalarValue(wide ? extended : truncate(extended, 32));
}

export function applySwap(state: State, { to, bits, dst }: Swap): void {
  const value = readScalar(state, dst);
  state.registers[dst] = scalarValue(to === "le" ? truncate(value, bits) : ofSize(bits / 8));
}
