/**
 * The verifier: follows every path of a program with abstract values, and proves that no access leaves its memory, that
 * nothing is read before it is written, that helpers get what they need, that records are given up, and that it ends. A path
 * stops where an earlier one that was proved safe knew no more. Programs that pass run without checks.
 */

import { BpfError, type SourceLine } from "../errors.ts";
import { HELPERS, type Helper } from "../helpers/index.ts";
import { type Code, disassemble, IMMEDIATE_64, type Load64, type Operation } from "../isa/index.ts";
import type { MapDefinition } from "../maps/index.ts";
import { MAX_FRAMES } from "../memory/index.ts";
import type { ProgramType } from "../program-types/index.ts";
import { applyAtomic, applyLoad, applyStore, asPointer } from "./access.ts";
import { applyAlu, applyMoveSigned, applyNegation, applySwap, readScalar } from "./arithmetic.ts";
import { applyBranch } from "./branches.ts";
import { applyHelper } from "./calls.ts";
import { Refusal, refuse, Surroundings } from "./context.ts";
import { describeState, describeValue } from "./explain.ts";
import { liveRegisters } from "./liveness.ts";
import { isKnown, known, ofSize } from "./scalar.ts";
import { createFrame, State } from "./state.ts";
import { constantValue, NONE, pointer, scalarValue } from "./value.ts";

/** A program and its surroundings. */
export interface VerifierInput {
  readonly code: Code;
  /** Decides what the context is, and which helpers may be called. */
  readonly type: ProgramType;
  /** By the numbers that instructions name. */
  readonly maps?: readonly MapDefinition[] | undefined;
  /** By number; the built-in ones by default. */
  readonly helpers?: ReadonlyMap<number, Helper> | undefined;
  /** Bytes of memory that a raw program gets; 0 by default. */
  readonly memory?: number | undefined;
  /** The most instructions to follow, over all paths; 1 million by default, as Linux's. */
  readonly budget?: number | undefined;
  /** The line of C of an instruction, for explanations. */
  readonly lineAt?: ((pc: number) => SourceLine | undefined) | undefined;
}

/** How a program was proved. */
export interface VerifierReport {
  /** Instructions that were followed, over all paths. */
  readonly followed: number;
  /** Places where a path stopped because another had proved it. */
  readonly pruned: number;
  /** Instructions that no path reaches. */
  readonly unreachable: number;
  /** The map of each call that has one, by the instruction; calls whose map depends on the path are left out. */
  readonly maps: ReadonlyMap<number, MapDefinition>;
}

const DEFAULT_BUDGET = 1_000_000;
const MAX_STORED = 64;
const PATH_SHOWN = 12;

/** One step of a path, for the explanation. */
interface Step {
  readonly pc: number;
  readonly isTaken: boolean;
  readonly before: Step | undefined;
}

interface Pending {
  readonly pc: number;
  readonly state: State;
  readonly path: Step | undefined;
}

interface Stored {
  readonly state: State;
  /** False while paths that begin here are still followed. */
  isProved: boolean;
  misses: number;
  hits: number;
}

/** Throws a `BpfError` with the code UNSAFE, which explains why. */
export function verify(input: VerifierInput): VerifierReport {
  return new Exploration(input).run();
}

class Exploration {
  readonly #code: Code;
  readonly #input: VerifierInput;
  readonly #surroundings: Surroundings;
  readonly #live: Uint16Array;
  readonly #joins: ReadonlySet<number>;
  readonly #stored = new Map<number, Stored[]>();
  readonly #pending: Pending[] = [];
  /** Stored states whose paths are still followed, with the length of `#pending` when they were stored. */
  readonly #open: { readonly stored: Stored; readonly length: number }[] = [];
  readonly #reached = new Set<number>();
  #followed = 0;
  #pruned = 0;
  #path: Step | undefined;

  constructor(input: VerifierInput) {
    const { code, type, maps = [], helpers, memory = 0 } = input;
    this.#input = input;
    this.#code = code;
    const table = helpers ?? new Map(HELPERS.map((helper) => [helper.id, helper]));
    this.#surroundings = new Surroundings(type, maps, table, memory);
    this.#live = liveRegisters(code);
    this.#joins = joins(code);
  }

  run(): VerifierReport {
    const frame = createFrame(0, -1);
    const { type, memory } = this.#surroundings;
    if (type.contextSize > 0) frame.registers[1] = pointer("context");
    else {
      frame.registers[1] = memory === 0 ? constantValue(0n) : pointer("memory", { size: memory });
      frame.registers[2] = scalarValue(known(BigInt(memory)));
    }
    this.#pending.push({ pc: 0, state: new State([frame]), path: undefined });
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      while (this.#open.length > 0 && this.#open.at(-1)!.length > this.#pending.length) {
        this.#open.pop()!.stored.isProved = true;
      }
      this.#path = next.path;
      this.#follow(next.pc, next.state);
    }
    const instructions = this.#code.filter((operation) => operation !== undefined).length;
    const maps = new Map<number, MapDefinition>();
    for (const [pc, map] of this.#surroundings.calls) if (map !== undefined) maps.set(pc, map);
    return { followed: this.#followed, pruned: this.#pruned, unreachable: instructions - this.#reached.size, maps };
  }

  #follow(start: number, first: State): void {
    let pc = start;
    let state = first;
    const { budget = DEFAULT_BUDGET } = this.#input;
    for (;;) {
      try {
        if ((this.#followed += 1) > budget) {
          refuse(
            `the program has too many paths: ${budget} instructions were followed. A loop may have no bound that can be seen`,
          );
        }
        this.#reached.add(pc);
        if (this.#joins.has(pc) && this.#isProved(pc, state)) {
          this.#pruned += 1;
          return;
        }
        const next = this.#step(pc, state);
        if (next === undefined) return;
        [pc, state] = next;
      } catch (error) {
        throw error instanceof Refusal ? this.#explain(error, pc, state) : error;
      }
    }
  }

  /** True if a state that was proved safe knew no more. Otherwise this one is stored. */
  #isProved(pc: number, state: State): boolean {
    const live = this.#live[pc]!;
    state.registers.forEach((_, register) => {
      if ((live & (1 << register)) === 0) state.registers[register] = NONE;
    });
    state.dropLonelyIds();
    const list = this.#stored.get(pc) ?? [];
    this.#stored.set(pc, list);
    for (const stored of list) {
      if (!stored.state.covers(state)) {
        stored.misses += 1;
        continue;
      }
      if (stored.isProved) {
        stored.hits += 1;
        return true;
      }
      // The same state again on one path: nothing changes any more.
      if (state.covers(stored.state)) refuse("a loop that may never end: it comes back to the same state");
    }
    if (list.length >= MAX_STORED) {
      const worst = list.findIndex(({ isProved, misses, hits }) => isProved && misses > hits * 3);
      list.splice(Math.max(worst, 0), 1);
    }
    const stored = { state: state.clone(), isProved: false, misses: 0, hits: 0 };
    list.push(stored);
    this.#open.push({ stored, length: this.#pending.length });
    return false;
  }

  /** The next instruction of this path and its state; undefined at its end. */
  #step(pc: number, state: State): readonly [number, State] | undefined {
    const operation = this.#code[pc]!;
    const surroundings = this.#surroundings;
    const { registers } = state;
    switch (operation.kind) {
      case "alu":
        applyAlu(state, operation, surroundings);
        return [pc + 1, state];
      case "neg":
        applyNegation(state, operation.dst, operation.wide);
        return [pc + 1, state];
      case "movsx":
        applyMoveSigned(state, operation);
        return [pc + 1, state];
      case "swap":
        applySwap(state, operation);
        return [pc + 1, state];
      case "load":
        applyLoad(state, operation, surroundings);
        return [pc + 1, state];
      case "store":
        applyStore(state, operation, surroundings);
        return [pc + 1, state];
      case "atomic":
        applyAtomic(state, operation, surroundings);
        return [pc + 1, state];
      case "load64":
        registers[operation.dst] = this.#immediate(operation);
        return [pc + 2, state];
      case "packet":
        this.#packetLoad(state, operation);
        return [pc + 1, state];
      case "jump":
        return [operation.target, state];
      case "branch": {
        const { taken, next } = applyBranch(state, operation);
        const path = this.#path;
        if (taken !== undefined && next !== undefined) {
          this.#pending.push({ pc: operation.target, state: taken, path: { pc, isTaken: true, before: path } });
        }
        this.#path = { pc, isTaken: next === undefined, before: path };
        if (next !== undefined) return [pc + 1, next];
        return taken === undefined ? undefined : [operation.target, taken];
      }
      case "call":
        return this.#call(pc, state, operation);
      case "exit":
        return this.#exit(state);
    }
  }

  #immediate({ type, low, high }: Load64) {
    const map = this.#surroundings.maps[low];
    switch (type) {
      case IMMEDIATE_64.value:
        return constantValue((BigInt(high) << 32n) | BigInt(low >>> 0));
      case IMMEDIATE_64.mapByDescriptor:
      case IMMEDIATE_64.mapByIndex:
        return pointer("map", { map: map ?? refuse(`there is no map ${low}`) });
      case IMMEDIATE_64.mapValueByDescriptor:
      case IMMEDIATE_64.mapValueByIndex:
        if (map?.type !== "array") return refuse(`map ${low} is no array, so it has no value with an address`);
        return pointer("map-value", { map, offset: high });
      default:
        return refuse(`a 64-bit immediate of kind ${type}`);
    }
  }

  #packetLoad(state: State, operation: Extract<Operation, { kind: "packet" }>): void {
    const { type } = this.#surroundings;
    if (!type.hasPacketLoads) refuse(`packet instructions are not for programs of the kind ${type.name}`);
    // It may end the program.
    if (state.references.size > 0)
      refuse("a packet instruction, while a record is reserved; submit or discard it first");
    if (type.contextSize > 0 && asPointer(state, 6).to !== "context") refuse("r6 must hold the context");
    if (operation.src >= 0) readScalar(state, operation.src);
    for (let register = 0; register <= 5; register += 1) state.registers[register] = NONE;
    state.registers[0] = scalarValue(ofSize(operation.size));
  }

  #call(pc: number, state: State, { type, target }: Extract<Operation, { kind: "call" }>): readonly [number, State] {
    switch (type) {
      case "kernel":
        return refuse(`there is no kernel function ${target}`);
      case "register": {
        const id = readScalar(state, target);
        if (!isKnown(id)) refuse(`r${target} must be the number of a helper, but is ${describeValue(scalarValue(id))}`);
        applyHelper(state, pc, Number(id.smin), this.#surroundings);
        return [pc + 1, state];
      }
      case "helper":
        applyHelper(state, pc, target, this.#surroundings);
        return [pc + 1, state];
      case "local": {
        if (state.frames.length >= MAX_FRAMES) refuse(`calls are nested more than ${MAX_FRAMES} deep`);
        const frame = createFrame(state.frames.length, pc + 1);
        for (let register = 1; register <= 5; register += 1) frame.registers[register] = state.registers[register]!;
        for (let register = 0; register <= 5; register += 1) state.registers[register] = NONE;
        state.frames.push(frame);
        return [target, state];
      }
    }
  }

  #exit(state: State): readonly [number, State] | undefined {
    const result = state.registers[0]!;
    if (result.kind === "none") refuse("r0 has no value at the end");
    const depth = state.frames.length - 1;
    if (depth === 0) {
      if (result.kind === "pointer") refuse(`the result is a pointer: ${describeValue(result)}`);
      if (state.references.size > 0) refuse("a reserved record is neither submitted nor discarded");
      return undefined;
    }
    if (result.kind === "pointer" && result.to === "stack" && result.frame === depth) {
      refuse("a function returns a pointer to its own stack");
    }
    const { returnTo } = state.frames.pop()!;
    // Nothing may point to a stack that is gone.
    state.map((value) => (value.kind === "pointer" && value.to === "stack" && value.frame === depth ? NONE : value));
    state.registers[0] = result;
    return [returnTo, state];
  }

  #explain({ message }: Refusal, pc: number, state: State): BpfError {
    const steps: string[] = [];
    for (let step = this.#path; step !== undefined && steps.length < PATH_SHOWN; step = step.before) {
      steps.unshift(`${step.pc}${step.isTaken ? " taken" : ""}`);
    }
    const line = this.#input.lineAt?.(pc);
    const explanation = [
      ...(line === undefined || line.text === "" ? [] : [line.text]),
      `${pc}: ${disassemble(this.#code[pc]!, pc)}`,
      ...describeState(state),
      ...(steps.length > 0 ? [`branches: ${steps.join(", ")}`] : []),
    ];
    return new BpfError("UNSAFE", message, { pc, line, explanation });
  }
}

/** Instructions that several paths reach. */
function joins(code: Code): ReadonlySet<number> {
  const targets = new Set<number>();
  code.forEach((operation, pc) => {
    if (operation?.kind === "jump" || operation?.kind === "branch") targets.add(operation.target);
    // Where functions begin and continue, and after branches that may not be taken.
    if (operation?.kind === "call" && operation.type === "local") targets.add(operation.target).add(pc + 1);
  });
  return targets;
}
