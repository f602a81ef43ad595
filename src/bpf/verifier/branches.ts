/** Branches: which sides are possible, and what each side knows. */

import { type Branch, type Condition, IMMEDIATE } from "../isa/index.ts";
import { readRegister } from "./arithmetic.ts";
import { assume, SWAPPED } from "./conditions.ts";
import { isKnown } from "./scalar.ts";
import type { State } from "./state.ts";
import { constantValue, type Pointer, type Value } from "./value.ts";

const MAX_PACKET = 0xffff;

export interface Sides {
  /** The state if the branch is taken; undefined if it never is. */
  readonly taken: State | undefined;
  readonly next: State | undefined;
}

export function applyBranch(state: State, branch: Branch): Sides {
  const { op, wide, dst, src, imm } = branch;
  const left = readRegister(state, dst);
  const right = src === IMMEDIATE ? constantValue(BigInt(imm)) : readRegister(state, src);
  const side = (holds: boolean): State | undefined => {
    if (left.kind === "scalar" && right.kind === "scalar") {
      const known = assume(op, left.scalar, right.scalar, wide, holds);
      if (known === undefined) return undefined;
      const copy = state.clone();
      copy.learn(dst, known[0]);
      if (src !== IMMEDIATE) copy.learn(src, known[1]);
      return copy;
    }
    const copy = state.clone();
    if (!wide) return copy;
    if (left.kind === "pointer" && isZero(right)) return learnNull(copy, left, op, holds);
    if (left.kind === "pointer" && right.kind === "pointer") {
      learnPacket(copy, left, right, op, holds);
      learnPacket(copy, right, left, SWAPPED[op], holds);
    }
    return copy;
  };
  return { taken: side(true), next: side(false) };
}

const isZero = (value: Value): boolean => value.kind === "scalar" && isKnown(value.scalar) && value.scalar.umin === 0n;

function learnNull(state: State, pointer: Pointer, op: Condition, holds: boolean): State | undefined {
  if (op !== "jeq" && op !== "jne") return state;
  const isNull = (op === "jeq") === holds;
  if (!pointer.nullable) {
    // No address is 0; one that was moved by an unknown distance could be.
    return isNull && pointer.variable === undefined && pointer.offset === 0 ? undefined : state;
  }
  state.learnPointer(pointer.id, (each) => (isNull ? constantValue(0n) : { ...each, nullable: false }));
  if (isNull) state.references.delete(pointer.reference);
  return state;
}

/** `packet op limit`, where the limit is the end of the packet, or its start for metadata. */
function learnPacket(state: State, packet: Pointer, limit: Pointer, op: Condition, holds: boolean): void {
  const isEnd =
    (packet.to === "packet" && limit.to === "packet-end") ||
    (packet.to === "packet-meta" && limit.to === "packet" && limit.offset === 0 && limit.variable === undefined);
  if (!isEnd || packet.offset < 0 || packet.offset > MAX_PACKET) return;
  // Bytes before the pointer exist if it is at or before the end; if it is before, one more does.
  const atOrBefore = holds ? op === "jle" || op === "jeq" : op === "jgt" || op === "jne";
  const before = holds ? op === "jlt" : op === "jge";
  if (!atOrBefore && !before) return;
  const size = packet.offset + (before ? 1 : 0);
  state.map((each) =>
    each.kind === "pointer" && each.to === packet.to && each.id === packet.id && each.size < size
      ? { ...each, size }
      : each,
  );
}
