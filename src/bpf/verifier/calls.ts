/** Calls of helpers: the kinds of arguments, and what is known of the result. */

import { type ArgumentKind, TAIL_CALL } from "../helpers/index.ts";
import type { MapDefinition } from "../maps/index.ts";
import { asPointer, checkReadable, checkWritable } from "./access.ts";
import { readRegister, readScalar } from "./arithmetic.ts";
import { refuse, type Surroundings } from "./context.ts";
import { describeValue } from "./explain.ts";
import { ANY, isKnown } from "./scalar.ts";
import type { State } from "./state.ts";
import { NONE, type Pointer, pointer, scalarValue } from "./value.ts";

/** More than any memory that a pointer reaches. */
const MAX_SIZE = 1n << 28n;

export function applyHelper(state: State, pc: number, id: number, surroundings: Surroundings): void {
  const { helpers, type } = surroundings;
  const helper = helpers.get(id) ?? refuse(`there is no helper ${id}`);
  const { name, programs } = helper;
  if (programs !== undefined && !programs.includes(type.name)) {
    refuse(`${name} is not for programs of the kind ${type.name}`);
  }
  if (id === TAIL_CALL.id) {
    if (state.frames.length > 1)
      refuse("a tail call from a function that was called; only the program itself may do that");
    if (state.references.size > 0) refuse("a tail call, while a record is reserved; submit or discard it first");
  }
  const check = new ArgumentCheck(state, name, surroundings, helper.maps);
  helper.arguments.forEach((kind, index) => {
    try {
      check.argument(kind, index + 1, helper.arguments[index + 1]);
    } catch (error) {
      if (error instanceof Error) error.message = `${name}, argument ${index + 1}: ${error.message}`;
      throw error;
    }
  });
  if (check.map !== undefined) surroundings.noteMap(pc, check.map);
  if (helper.changesPacket === true) {
    state.map((value) => (value.kind === "pointer" && value.to.startsWith("packet") ? NONE : value));
  }
  const { registers } = state;
  for (let register = 0; register <= 5; register += 1) registers[register] = NONE;
  switch (helper.returns) {
    case "scalar":
      registers[0] = scalarValue(ANY);
      return;
    case "map-value-or-null":
      registers[0] = pointer("map-value", { map: check.map, nullable: true, id: surroundings.newId() });
      return;
    case "record-or-null": {
      const reference = surroundings.newId();
      state.references.add(reference);
      registers[0] = pointer("record", { size: check.allocation, nullable: true, id: reference, reference });
    }
  }
}

class ArgumentCheck {
  readonly #state: State;
  readonly #helper: string;
  readonly #surroundings: Surroundings;
  readonly #kinds: readonly string[] | undefined;
  map: MapDefinition | undefined;
  allocation = 0;

  constructor(state: State, helper: string, surroundings: Surroundings, kinds: readonly string[] | undefined) {
    this.#state = state;
    this.#helper = helper;
    this.#surroundings = surroundings;
    this.#kinds = kinds;
  }

  argument(kind: ArgumentKind, register: number, next: ArgumentKind | undefined): void {
    const state = this.#state;
    switch (kind) {
      case "scalar":
        readScalar(state, register);
        return;
      case "context": {
        const value = asPointer(state, register);
        if (value.to !== "context" || value.offset !== 0)
          refuse(`r${register} is ${describeValue(value)}, not the context`);
        return;
      }
      case "map": {
        const value = asPointer(state, register);
        if (value.to !== "map") refuse(`r${register} is ${describeValue(value)}, not a map`);
        if (this.#kinds !== undefined && !this.#kinds.includes(value.map!.type)) {
          refuse(`${this.#helper} is not for maps of the kind ${value.map!.type}`);
        }
        this.map = value.map;
        return;
      }
      case "map-key":
        checkReadable(state, asPointer(state, register), this.map!.keySize, this.#surroundings);
        return;
      case "map-value":
        checkReadable(state, asPointer(state, register), this.map!.valueSize, this.#surroundings);
        return;
      case "map-value-out": {
        const { valueSize } = this.map!;
        checkWritable(state, asPointer(state, register), valueSize, valueSize, this.#surroundings);
        return;
      }
      case "memory":
      case "memory-or-null":
      case "memory-out":
        this.#memory(kind, register, next);
        return;
      case "size":
      case "size-or-zero":
        // Checked together with the memory before it.
        return;
      case "allocation-size": {
        const size = readScalar(state, register);
        if (!isKnown(size) || size.umin > MAX_SIZE || size.umin === 0n) {
          refuse(`r${register} must be a constant, the number of bytes`);
        }
        this.allocation = Number(size.umin);
        return;
      }
      case "record":
        this.#giveUp(register);
    }
  }

  #memory(kind: ArgumentKind, register: number, next: ArgumentKind | undefined): void {
    const state = this.#state;
    const size = readScalar(state, register + 1);
    if (size.umax > MAX_SIZE) refuse(`r${register + 1} is a size without a limit; compare it with one first`);
    if (next === "size" && size.umin === 0n) refuse(`r${register + 1} is a size that may be 0`);
    const value = readRegister(state, register);
    if (kind === "memory-or-null" && value.kind === "scalar") {
      if (!isKnown(value.scalar) || value.scalar.umin !== 0n || size.umax !== 0n) {
        refuse(`r${register} is ${describeValue(value)}, neither a pointer nor null with the size 0`);
      }
      return;
    }
    const target = asPointer(state, register);
    const [most, sure] = [Number(size.umax), Number(size.umin)];
    if (kind === "memory-out") checkWritable(state, target, most, sure, this.#surroundings);
    else checkReadable(state, target, most, this.#surroundings);
  }

  #giveUp(register: number): void {
    const state = this.#state;
    const value: Pointer = asPointer(state, register);
    if (value.to !== "record" || value.offset !== 0 || value.variable !== undefined) {
      refuse(`r${register} is ${describeValue(value)}, not the start of a reserved record`);
    }
    if (!state.references.delete(value.reference)) refuse(`the record in r${register} was given up before`);
    state.map((each) => (each.kind === "pointer" && each.reference === value.reference ? NONE : each));
  }
}
