/** The state of a path: the frames with their registers and stacks, and what the program must still give up. */

import { REGISTERS } from "../isa/index.ts";
import type { Scalar } from "./scalar.ts";
import { Stack } from "./stack.ts";
import { covers, IdPairs, NONE, type Pointer, pointer, scalarValue, type Value } from "./value.ts";

export interface Frame {
  readonly registers: Value[];
  readonly stack: Stack;
  /** Where the caller continues. */
  readonly returnTo: number;
}

export const createFrame = (depth: number, returnTo: number): Frame => {
  const registers: Value[] = Array.from({ length: REGISTERS }, () => NONE);
  registers[10] = pointer("stack", { frame: depth });
  return { registers, stack: new Stack(), returnTo };
};

export class State {
  readonly frames: Frame[];
  readonly references: Set<number>;

  constructor(frames: Frame[], references: Iterable<number> = []) {
    this.frames = frames;
    this.references = new Set(references);
  }

  get frame(): Frame {
    return this.frames.at(-1)!;
  }

  get registers(): Value[] {
    return this.frame.registers;
  }

  clone(): State {
    return new State(
      this.frames.map(({ registers, stack, returnTo }) => ({
        registers: [...registers],
        stack: stack.clone(),
        returnTo,
      })),
      this.references,
    );
  }

  /** Replaces values everywhere. */
  map(change: (value: Value) => Value): void {
    for (const { registers, stack } of this.frames) {
      registers.forEach((value, index) => {
        const next = change(value);
        if (next !== value) registers[index] = next;
      });
      stack.map(change);
    }
  }

  /** What is learned of a number holds for its copies. */
  learn(register: number, scalar: Scalar): void {
    const value = this.registers[register]!;
    if (value.kind !== "scalar") return;
    const { id } = value;
    this.registers[register] = scalarValue(scalar, id);
    if (id === 0) return;
    this.map((each) => (each.kind === "scalar" && each.id === id ? scalarValue(scalar, id) : each));
  }

  /** What is learned of a pointer holds for all with its id. */
  learnPointer(id: number, change: (value: Pointer) => Value): void {
    this.map((each) => (each.kind === "pointer" && each.id === id ? change(each) : each));
  }

  /** Copies of a number that has no other copy left need no id. */
  dropLonelyIds(): void {
    const counts = new Map<number, number>();
    const count = (value: Value): void => {
      if (value.kind === "scalar" && value.id !== 0) counts.set(value.id, (counts.get(value.id) ?? 0) + 1);
    };
    for (const { registers, stack } of this.frames) {
      registers.forEach(count);
      for (const value of stack.values()) count(value);
    }
    if (counts.size === 0) return;
    this.map((value) =>
      value.kind === "scalar" && value.id !== 0 && counts.get(value.id) === 1 ? scalarValue(value.scalar) : value,
    );
  }

  /** True if whatever is safe from here in this state is safe in the other. */
  covers(current: State): boolean {
    if (this.frames.length !== current.frames.length || this.references.size !== current.references.size) return false;
    const ids = new IdPairs();
    return this.frames.every((old, depth) => {
      const other = current.frames[depth]!;
      return (
        old.returnTo === other.returnTo &&
        old.registers.every((value, index) => covers(value, other.registers[index]!, ids)) &&
        old.stack.covers(other.stack, ids)
      );
    });
  }
}
