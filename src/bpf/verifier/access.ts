/** Loads and stores: which bytes a pointer may reach, and what is found there. */

import type { Atomic, Load, Store } from "../isa/index.ts";
import { IMMEDIATE } from "../isa/index.ts";
import { FRAME_BYTES } from "../memory/index.ts";
import { readRegister, readScalar } from "./arithmetic.ts";
import { distances, refuse, type Surroundings } from "./context.ts";
import { describeValue } from "./explain.ts";
import { ofSize } from "./scalar.ts";
import type { State } from "./state.ts";
import { constantValue, type Pointer, pointer, scalarValue, type Value } from "./value.ts";

export function asPointer(state: State, register: number): Pointer {
  const value = readRegister(state, register);
  if (value.kind !== "pointer") return refuse(`r${register} is ${describeValue(value)}, not a pointer`);
  if (value.nullable) return refuse(`r${register} is ${describeValue(value)}; compare it with null first`);
  return value;
}

/** Throws unless all bytes exist, and may be written if so asked. Not for the context. */
export function checkBounds(
  target: Pointer,
  more: number,
  size: number,
  isWritten: boolean,
  { type }: Surroundings,
): void {
  const [least, most] = distances(target, more);
  const outside = (limit: string): never => {
    const where = least === most ? `byte ${least}` : `bytes ${least} to ${most}`;
    return refuse(
      `${isWritten ? "writes" : "reads"} ${size} bytes at ${where} of ${describeValue({ ...target, offset: 0, variable: undefined })}; ${limit}`,
    );
  };
  switch (target.to) {
    case "stack":
      if (least < -FRAME_BYTES || most + size > 0) outside(`the stack has bytes -${FRAME_BYTES} to -1`);
      return;
    case "packet":
    case "packet-meta": {
      if (isWritten && !type.writesPacket) refuse(`a program of the kind ${type.name} writes to the packet`);
      const fixed = target.offset + more;
      // The part that is known to exist begins after the unknown distance.
      if (least < 0 || fixed + size > target.size) outside("compare it with the packet's end first");
      return;
    }
    case "map-value":
      if (isWritten && target.map!.readOnly) refuse(`map ${target.map!.name} is read-only`);
      if (least < 0 || most + size > target.map!.valueSize) outside(`a value has ${target.map!.valueSize} bytes`);
      return;
    case "record":
    case "memory":
      if (least < 0 || most + size > target.size) outside(`it has ${target.size} bytes`);
      return;
    default:
      refuse(`${isWritten ? "writes through" : "reads through"} a pointer to ${target.to}`);
  }
}

export function applyLoad(state: State, { size, signed, dst, src, offset }: Load, surroundings: Surroundings): void {
  const from = asPointer(state, src);
  if (from.to === "context") {
    state.registers[dst] = loadField(from, offset, size, signed, surroundings);
    return;
  }
  checkBounds(from, offset, size, false, surroundings);
  if (from.to !== "stack") {
    state.registers[dst] = scalarValue(ofSize(size, signed));
    return;
  }
  const { stack } = state.frames[from.frame]!;
  const [least, most] = distances(from, offset);
  if (!stack.isInitialised(least, most - least + size)) {
    refuse(`reads bytes ${least} to ${most + size - 1} of the stack, which were not all written`);
  }
  const isExact = least === most && !signed;
  state.registers[dst] = isExact ? stack.read(least, size) : scalarValue(ofSize(size, signed));
}

function loadField(from: Pointer, offset: number, size: number, signed: boolean, { type }: Surroundings): Value {
  const at = from.offset + offset;
  const field = type.fields.find((each) => at >= each.offset && at + size <= each.offset + each.size);
  if (field === undefined) return refuse(`${size} bytes at ${at} of the context of a program of the kind ${type.name}`);
  if (field.kind === "scalar") {
    if (at % size !== 0) return refuse(`field ${field.name} is read at an odd place`);
    return scalarValue(ofSize(size, signed));
  }
  if (size !== field.size || signed) return refuse(`field ${field.name} is a pointer of ${field.size} bytes`);
  return pointer(field.kind);
}

export function applyStore(state: State, { size, dst, offset, src, imm }: Store, surroundings: Surroundings): void {
  const to = asPointer(state, dst);
  const value = src === IMMEDIATE ? constantValue(BigInt(imm)) : readRegister(state, src);
  if (to.to === "context") {
    storeField(to, offset, size, value, surroundings);
    return;
  }
  checkBounds(to, offset, size, true, surroundings);
  if (value.kind === "pointer" && (to.to !== "stack" || to.variable !== undefined || size !== 8)) {
    refuse(`a pointer in r${src} is stored to ${to.to}; only a whole slot of the stack may hold one`);
  }
  if (to.to !== "stack") return;
  const { stack } = state.frames[to.frame]!;
  const [least, most] = distances(to, offset);
  if (least === most) {
    if (value.kind === "pointer" && least % 8 !== 0) refuse("a pointer is stored at an odd place of the stack");
    stack.write(least, size, value);
  } else if (!stack.smear(least, most - least + size)) {
    refuse("a store at an unknown place of the stack may hit a pointer");
  }
}

function storeField(to: Pointer, offset: number, size: number, value: Value, { type }: Surroundings): void {
  const at = to.offset + offset;
  const field = type.fields.find((each) => each.offset === at && each.size === size);
  if (field?.writable !== true)
    refuse(`writes ${size} bytes at ${at} of the context${field ? ` (${field.name})` : ""}`);
  if (value.kind === "pointer") refuse("a pointer is stored to the context");
}

export function applyAtomic(state: State, operation: Atomic, surroundings: Surroundings): void {
  const { op, size, fetch, dst, src, offset } = operation;
  const to = asPointer(state, dst);
  readScalar(state, src);
  if (op === "cmpxchg") readScalar(state, 0);
  if (to.to === "context" || to.to.startsWith("packet")) refuse(`an atomic operation on the ${to.to}`);
  checkBounds(to, offset, size, true, surroundings);
  const bits = to.variable?.bits;
  const low = BigInt(size - 1);
  if ((to.offset + offset) % size !== 0 || (bits !== undefined && ((bits.value | bits.mask) & low) !== 0n)) {
    refuse(`an atomic operation on ${size} bytes that are not aligned`);
  }
  if (to.to === "stack") {
    const { stack } = state.frames[to.frame]!;
    const [least, most] = distances(to, offset);
    if (!stack.isInitialised(least, most - least + size))
      refuse("an atomic operation on bytes of the stack that were not written");
    if (!stack.smear(least, most - least + size)) refuse("an atomic operation on a pointer");
  }
  if (!fetch) return;
  state.registers[op === "cmpxchg" ? 0 : src] = scalarValue(ofSize(size));
}

/** Bytes that a helper reads. */
export function checkReadable(state: State, value: Pointer, size: number, surroundings: Surroundings): void {
  if (size === 0) return;
  checkBounds(value, 0, size, false, surroundings);
  if (value.to !== "stack") return;
  const [least, most] = distances(value, 0);
  if (!state.frames[value.frame]!.stack.isInitialised(least, most - least + size)) {
    refuse(`a helper reads bytes ${least} to ${most + size - 1} of the stack, which were not all written`);
  }
}

/** Bytes that a helper writes; `sure` of them certainly. */
export function checkWritable(
  state: State,
  value: Pointer,
  size: number,
  sure: number,
  surroundings: Surroundings,
): void {
  if (size === 0) return;
  checkBounds(value, 0, size, true, surroundings);
  if (value.to !== "stack") return;
  const { stack } = state.frames[value.frame]!;
  const [least, most] = distances(value, 0);
  if (!stack.smear(least, most - least + size)) refuse("a helper writes over a pointer on the stack");
  if (least === most) stack.initialise(least, sure);
}
