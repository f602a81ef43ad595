/**
 * Random XDP programs that a verifier should accept, for comparing engines: arithmetic, branches, loops with a bound, the
 * stack, the packet at known and unknown offsets, map values, atomics, calls. `risk` is the share of statements that may be
 * unsafe.
 */

import type { Rng } from "../../base/rng.ts";
import { type AluName, type Condition, IMMEDIATE, type Operation, type Size } from "../isa/index.ts";

const ALU: readonly AluName[] = [
  ...(["add", "sub", "mul", "div", "sdiv", "or", "and"] as const),
  ...(["lsh", "rsh", "mod", "smod", "xor", "mov", "arsh"] as const),
];
const CONDITIONS: readonly Condition[] = [
  ...(["jeq", "jgt", "jge", "jset", "jne", "jsgt"] as const),
  ...(["jsge", "jlt", "jle", "jslt", "jsle"] as const),
];
const CONSTANTS = [0, 1, 2, 3, 7, 8, 31, 32, 63, 255, 65_535, -1, -2, -128, 2 ** 31 - 1, -(2 ** 31)];
const NUMBERS = [0, 1, 2, 3, 4, 5, 8, 9] as const;
const [CONTEXT, PACKET, FRAME] = [6, 7, 10];
/** Bytes of the packet that the program makes sure of. */
const PACKET_BYTES = 32;
const STACK_BYTES = 64;
const KEY_AT = -72;
/** Bytes of a map's value. */
export const VALUE_BYTES = 16;

/** The operations. Map 0 is an array and map 1 a hash, with keys of 4 and values of 16 bytes. */
export function randomProgram(rng: Rng, { length = 24, risk = 0 } = {}): readonly Operation[] {
  return new Generator(rng, risk).program(length);
}

class Generator {
  readonly #rng: Rng;
  readonly #risk: number;
  readonly #operations: Operation[] = [];
  /** Places of labels, by number; operations name labels as targets until the end. */
  readonly #labels: number[] = [];
  #slots = 0;
  #loops = 0;

  constructor(rng: Rng, risk: number) {
    this.#rng = rng;
    this.#risk = risk;
  }

  #below(limit: number): number {
    return this.#rng.uint32() % limit;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #emit(operation: Operation): void {
    this.#operations.push(operation);
    this.#slots += operation.kind === "load64" ? 2 : 1;
  }

  #label(): number {
    return this.#labels.push(-1) - 1;
  }

  #place(label: number): void {
    this.#labels[label] = this.#slots;
  }

  #move(dst: number, src: number): void {
    this.#emit({ kind: "alu", op: "mov", wide: true, dst, src, imm: 0 });
  }

  #set(dst: number, imm: number): void {
    this.#emit({ kind: "alu", op: "mov", wide: true, dst, src: IMMEDIATE, imm });
  }

  #add(dst: number, imm: number): void {
    this.#emit({ kind: "alu", op: "add", wide: true, dst, src: IMMEDIATE, imm });
  }

  #load(dst: number, src: number, offset: number, size: Size, signed = false): void {
    this.#emit({ kind: "load", size, signed, dst, src, offset });
  }

  #branch(op: Condition, dst: number, src: number, imm: number, target: number, wide = true): void {
    this.#emit({ kind: "branch", op, wide, dst, src, imm, target });
  }

  program(length: number): readonly Operation[] {
    const end = this.#label();
    this.#move(CONTEXT, 1);
    this.#load(PACKET, CONTEXT, 0, 4);
    this.#load(3, CONTEXT, 4, 4);
    this.#move(4, PACKET);
    this.#add(4, PACKET_BYTES);
    this.#set(0, 0);
    this.#branch("jgt", 4, 3, 0, end);
    for (const register of NUMBERS) this.#load(register, PACKET, this.#below(24), this.#pick([1, 2, 4, 8]));
    for (let at = 8; at <= STACK_BYTES; at += 8) {
      this.#emit({ kind: "store", size: 8, dst: FRAME, offset: -at, src: this.#pick(NUMBERS), imm: 0 });
    }
    const functionLabel = this.#label();
    this.#statements(length, new Set(), functionLabel, 0);
    for (const register of [8, 9, 1, 2]) {
      this.#emit({ kind: "alu", op: "xor", wide: true, dst: 0, src: register, imm: 0 });
    }
    this.#move(1, 0);
    this.#emit({ kind: "alu", op: "rsh", wide: true, dst: 1, src: IMMEDIATE, imm: 32 });
    this.#emit({ kind: "alu", op: "xor", wide: true, dst: 0, src: 1, imm: 0 });
    this.#place(end);
    this.#emit({ kind: "exit" });
    if (this.#operations.some((each) => each.kind === "call" && each.type === "local")) this.#function(functionLabel);
    return this.#operations.map((each) =>
      "target" in each && !(each.kind === "call" && each.type !== "local")
        ? ({ ...each, target: this.#labels[each.target]! } as Operation)
        : each,
    );
  }

  /** A function of two numbers, with a stack of its own. */
  #function(label: number): void {
    this.#place(label);
    this.#emit({ kind: "store", size: 8, dst: FRAME, offset: -8, src: 1, imm: 0 });
    this.#set(0, this.#pick(CONSTANTS));
    this.#set(8, this.#pick(CONSTANTS));
    for (let i = 0; i < 4; i += 1) this.#alu(this.#pick([0, 1, 2, 8]), this.#pick([0, 1, 2, 8]));
    this.#load(3, FRAME, -8, 8);
    this.#emit({ kind: "alu", op: "add", wide: true, dst: 0, src: 3, imm: 0 });
    this.#emit({ kind: "exit" });
  }

  #statements(count: number, frozen: ReadonlySet<number>, callee: number, depth: number): void {
    for (let i = 0; i < count; i += 1) this.#statement(frozen, callee, depth);
  }

  #statement(frozen: ReadonlySet<number>, callee: number, depth: number): void {
    const free = NUMBERS.filter((register) => !frozen.has(register));
    const dst = this.#pick(free);
    const src = this.#pick(NUMBERS);
    if (this.#risk > 0 && this.#below(1000) < this.#risk * 1000) {
      this.#unsafe(dst, src);
      return;
    }
    const choice = this.#below(24);
    if (choice < 9) this.#alu(dst, src);
    else if (choice < 11) this.#unary(dst, src);
    else if (choice < 13) {
      const size = this.#pick([1, 2, 4, 8] as const);
      const signed = size < 8 && this.#below(3) === 0;
      this.#load(dst, PACKET, this.#below(PACKET_BYTES - size + 1), size, signed);
    } else if (choice === 13) {
      const size = this.#pick([1, 2, 4, 8] as const);
      const offset = this.#below(PACKET_BYTES - size + 1);
      this.#emit({
        kind: "store",
        size,
        dst: PACKET,
        offset,
        src: this.#pick([src, IMMEDIATE]),
        imm: this.#pick(CONSTANTS),
      });
    } else if (choice < 16) this.#stack(dst, src);
    else if (choice === 16) this.#atomic(dst);
    else if (choice < 20 && depth < 3) {
      const after = this.#label();
      const isImmediate = this.#below(2) === 0;
      const operand = isImmediate ? IMMEDIATE : src;
      this.#branch(this.#pick(CONDITIONS), dst, operand, this.#pick(CONSTANTS), after, this.#below(2) === 0);
      this.#statements(1 + this.#below(4), frozen, callee, depth + 1);
      this.#place(after);
    } else if (choice === 20 && depth < 2 && this.#loops < 2) this.#loop(frozen, callee, depth);
    else if (choice === 21) this.#variable(dst, src, frozen);
    else if (choice === 22) this.#mapValue(frozen);
    else if (choice === 23) {
      this.#emit({ kind: "call", type: "local", target: callee });
      this.#refresh(frozen);
    } else this.#alu(dst, src);
  }

  #alu(dst: number, src: number): void {
    const op = this.#pick(ALU);
    const wide = this.#below(2) === 0;
    const isImmediate = this.#below(2) === 0;
    let imm = this.#pick(CONSTANTS);
    // The kernel refuses constants that it could have folded.
    if (op === "lsh" || op === "rsh" || op === "arsh") imm = this.#below(wide ? 64 : 32);
    if ((op === "div" || op === "mod" || op === "sdiv" || op === "smod") && imm === 0) imm = 10;
    this.#emit({ kind: "alu", op, wide, dst, src: isImmediate ? IMMEDIATE : src, imm: isImmediate ? imm : 0 });
  }

  #unary(dst: number, src: number): void {
    const wide = this.#below(2) === 0;
    const choice = this.#below(3);
    if (choice === 0) this.#emit({ kind: "neg", wide, dst });
    else if (choice === 1) {
      const bits = wide ? this.#pick([8, 16, 32] as const) : this.#pick([8, 16] as const);
      this.#emit({ kind: "movsx", wide, bits, dst, src });
    } else this.#emit({ kind: "swap", to: this.#pick(["le", "be", "swap"]), bits: this.#pick([16, 32, 64]), dst });
  }

  #stack(dst: number, src: number): void {
    const size = this.#pick([1, 2, 4, 8] as const);
    const offset = -size * (1 + this.#below(STACK_BYTES / size));
    if (this.#below(2) === 0) this.#load(dst, FRAME, offset, size, size < 8 && this.#below(3) === 0);
    else this.#emit({ kind: "store", size, dst: FRAME, offset, src, imm: 0 });
  }

  #atomic(src: number): void {
    const size = this.#pick([4, 8] as const);
    const op = this.#pick(["add", "or", "and", "xor", "xchg", "cmpxchg"] as const);
    const fetch = op === "xchg" || op === "cmpxchg" || this.#below(2) === 0;
    this.#emit({ kind: "atomic", op, size, fetch, dst: FRAME, src, offset: -8 * (1 + this.#below(8)) });
  }

  /** Runs its statements 1 to 6 times. */
  #loop(frozen: ReadonlySet<number>, callee: number, depth: number): void {
    const counter = [9, 8].find((register) => !frozen.has(register));
    if (counter === undefined) return;
    this.#loops += 1;
    this.#set(counter, 0);
    const again = this.#label();
    this.#place(again);
    this.#statements(1 + this.#below(3), new Set([...frozen, counter]), callee, depth + 2);
    this.#add(counter, 1);
    this.#branch("jlt", counter, IMMEDIATE, 1 + this.#below(6), again);
  }

  /** A byte of the packet at an offset that is known only by its limit. */
  #variable(dst: number, src: number, frozen: ReadonlySet<number>): void {
    const after = this.#label();
    this.#set(1, 0);
    if (src !== 1) this.#move(1, src);
    this.#emit({ kind: "alu", op: "and", wide: true, dst: 1, src: IMMEDIATE, imm: this.#pick([7, 15, 31]) });
    this.#load(3, CONTEXT, 4, 4);
    this.#move(2, PACKET);
    this.#emit({ kind: "alu", op: "add", wide: true, dst: 2, src: 1, imm: 0 });
    this.#move(4, 2);
    this.#add(4, 8);
    this.#branch("jgt", 4, 3, 0, after);
    this.#load(5, 2, this.#below(5), this.#pick([1, 2, 4]));
    this.#emit({ kind: "store", size: 1, dst: 2, offset: this.#below(8), src: 5, imm: 0 });
    this.#place(after);
    this.#refresh(frozen);
    if (dst > 5) this.#alu(dst, 1);
  }

  #mapValue(frozen: ReadonlySet<number>): void {
    const after = this.#label();
    this.#emit({ kind: "store", size: 4, dst: FRAME, offset: KEY_AT, src: IMMEDIATE, imm: this.#below(6) });
    this.#move(2, FRAME);
    this.#add(2, KEY_AT);
    this.#emit({ kind: "load64", dst: 1, type: 5, low: this.#below(2), high: 0 });
    this.#emit({ kind: "call", type: "helper", target: 1 });
    this.#branch("jeq", 0, IMMEDIATE, 0, after);
    const size = this.#pick([1, 2, 4, 8] as const);
    const offset = this.#below(VALUE_BYTES - size + 1);
    this.#load(1, 0, offset, size);
    this.#add(1, this.#pick(CONSTANTS));
    this.#emit({ kind: "store", size, dst: 0, offset, src: 1, imm: 0 });
    this.#place(after);
    this.#refresh(frozen);
  }

  /** After a call, r0 to r5 hold nothing. */
  #refresh(frozen: ReadonlySet<number>): void {
    for (let register = 0; register <= 5; register += 1) {
      if (!frozen.has(register)) this.#load(register, FRAME, -8 * (1 + this.#below(8)), 8);
    }
  }

  #unsafe(dst: number, src: number): void {
    // Nothing that turns an address into a number, since addresses differ between engines.
    switch (this.#below(5)) {
      case 0:
        this.#load(dst, PACKET, PACKET_BYTES - this.#below(4), 4);
        return;
      case 1:
        this.#load(dst, FRAME, -STACK_BYTES - this.#below(64), 8);
        return;
      case 2:
        this.#load(dst, src, 0, 4);
        return;
      case 3:
        this.#add(PACKET, this.#below(3) - 1);
        return;
      default:
        this.#emit({ kind: "alu", op: "add", wide: true, dst: PACKET, src, imm: 0 });
    }
  }
}
