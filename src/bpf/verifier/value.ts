/** What a register or a stack slot may hold: nothing yet, a number, or a pointer with its bounds. */

import type { MapDefinition } from "../maps/index.ts";
import { contains, known, type Scalar } from "./scalar.ts";

export type PointerTarget =
  | "context"
  | "stack"
  | "packet"
  | "packet-end"
  | "packet-meta"
  | "map"
  | "map-value"
  | "record"
  | "memory";

export interface Pointer {
  readonly kind: "pointer";
  readonly to: PointerTarget;
  /** The known part of the distance from the start. */
  readonly offset: number;
  /** The unknown part, or undefined if it is 0. */
  readonly variable: Scalar | undefined;
  /**
   * What is proved of one such pointer is proved of all with its id: that it is not null, or how far the packet reaches.
   * 0 is the id of packet pointers without an unknown part.
   */
  readonly id: number;
  /** For packets: bytes that exist after the unknown part. For records and memory: all bytes. */
  readonly size: number;
  /** True until a comparison with null. */
  readonly nullable: boolean;
  /** For maps and their values. */
  readonly map: MapDefinition | undefined;
  /** For the stack: the depth of the frame. */
  readonly frame: number;
  /** For records: what must be given up, or 0. */
  readonly reference: number;
}

export type Value =
  | { readonly kind: "none" }
  /** Copies of an unknown number share its id, so that a comparison says something of all; 0 is no id. */
  | { readonly kind: "scalar"; readonly scalar: Scalar; readonly id: number }
  | Pointer;

export const NONE: Value = { kind: "none" };

export const scalarValue = (scalar: Scalar, id = 0): Value => ({ kind: "scalar", scalar, id });
export const constantValue = (value: bigint): Value => scalarValue(known(value));

const BASE: Pointer = {
  kind: "pointer",
  to: "context",
  offset: 0,
  variable: undefined,
  id: 0,
  size: 0,
  nullable: false,
  map: undefined,
  frame: 0,
  reference: 0,
};

export const pointer = (to: PointerTarget, more: Partial<Pointer> = {}): Pointer => ({ ...BASE, to, ...more });

/** Pairs the ids of two states one to one, so that what is linked in one is linked in the other, and only that. */
export class IdPairs {
  readonly #pairs = new Map<number, number>();
  readonly #taken = new Set<number>();

  match(old: number, current: number): boolean {
    if (old === 0) return true;
    if (current === 0) return false;
    const known = this.#pairs.get(old);
    if (known !== undefined) return known === current;
    // Two records of one state must not be one record in the other.
    if (this.#taken.has(current)) return false;
    this.#pairs.set(old, current);
    this.#taken.add(current);
    return true;
  }
}

/** True if everything that is safe with `old` is safe with `current`. */
export function covers(old: Value, current: Value, ids: IdPairs): boolean {
  if (old.kind === "none") return true;
  if (old === current && old.id === 0) return true;
  if (old.kind === "scalar") {
    return current.kind === "scalar" && contains(old.scalar, current.scalar) && ids.match(old.id, current.id);
  }
  if (current.kind !== "pointer") return false;
  const isSame =
    old.to === current.to &&
    old.offset === current.offset &&
    old.map === current.map &&
    old.frame === current.frame &&
    old.nullable === current.nullable &&
    (old.to === "packet" || old.to === "packet-meta" ? old.size <= current.size : old.size === current.size);
  if (!isSame) return false;
  if ((old.variable === undefined) !== (current.variable === undefined)) return false;
  if (old.variable !== undefined && !contains(old.variable, current.variable!)) return false;
  return ids.match(old.id, current.id) && ids.match(old.reference, current.reference);
}
