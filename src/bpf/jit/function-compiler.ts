/**
 * One function of a program as one function of WebAssembly: registers are locals of 64 bits, addresses offsets in the
 * arena. A program that the verifier proved runs without checks; any other has its accesses, its instructions and the depth
 * of its calls checked.
 */

import { TAIL_CALL } from "../helpers/index.ts";
import { type Alu, type Atomic, type Branch, type Code, IMMEDIATE, type Operation, type Swap } from "../isa/index.ts";
import { ARGUMENTS, CPU, FRAME_BYTES, PACKET_LENGTH, PACKET_START, RESULT } from "../memory/index.ts";
import { alu32Code, aluWideCode, compareCode } from "./alu.ts";
import { flowGraph } from "./flow-graph.ts";
import { type ArrayPlace, writeArrayLookup } from "./lookups.ts";
import { writeStructure } from "./structure.ts";
import { type DefinedFunction, I32, I64, Sink, VOID, Wasm } from "./wasm.ts";

/** Numbers of the functions that a module's code calls. */
export interface Callees {
  /** (helper, pc) */
  readonly helper: number;
  /** (frame pointer) → 1 if the program went on elsewhere, and ended */
  readonly tail: number;
  /** (kind, pc): throws. */
  readonly fault: number;
  /** (address, size, 1 if written, pc) → address, or throws. */
  readonly check: number;
  /** By the entry of the function. */
  readonly locals: ReadonlyMap<number, number>;
  /** Lookups as functions of WebAssembly, by the instruction of the call. */
  readonly lookups: ReadonlyMap<number, number>;
  /** Lookups in arrays, by the instruction of the call. */
  readonly arrays: ReadonlyMap<number, ArrayPlace>;
}

export interface CompileOptions {
  readonly isProved: boolean;
  readonly callees: Callees;
  /** The number of arguments of a helper. */
  arityOf(helper: number): number;
}

export const FAULT = { budget: 0, depth: 1, kernel: 2, end: 3 } as const;

/** Global numbers: instructions left, and the end of the stack. */
export const GLOBAL = { fuel: 0, stackEnd: 1 } as const;
export const GLOBALS = 2;

const GET_CPU = 8;

/** r1 to r5 and r10 are parameters. */
const LOCALS: readonly number[] = [6, 0, 1, 2, 3, 4, 7, 8, 9, 10, 5];
const A = 11;
const ADDRESS = 13;
const STATE = 14;
/** The lowest byte of this function's stack, so that offsets from it are positive. */
const STACK = 15;
const WORD = 16;

export const BPF_FUNCTION = { parameters: [I64, I64, I64, I64, I64, I64], results: [I64] } as const;

export function compileFunction(code: Code, entry: number, options: CompileOptions): DefinedFunction {
  return new FunctionCompiler(code, entry, options).compile();
}

class FunctionCompiler {
  readonly #code: Code;
  readonly #entry: number;
  readonly #options: CompileOptions;
  readonly #sink = new Sink();

  constructor(code: Code, entry: number, options: CompileOptions) {
    this.#code = code;
    this.#entry = entry;
    this.#options = options;
  }

  compile(): DefinedFunction {
    const sink = this.#sink;
    const graph = flowGraph(this.#code, this.#entry);
    this.#get(10).byte(Wasm.i32WrapI64).i32(FRAME_BYTES).byte(Wasm.i32Sub).set(STACK);
    if (!this.#options.isProved) this.#checkDepth();
    writeStructure(sink, graph, (block) => this.#block(graph.blocks[block]!), STATE);
    const locals = [
      [7, I64],
      [4, I32],
    ] as const;
    return { ...BPF_FUNCTION, locals, body: sink.take() };
  }

  #block({ start, end }: { readonly start: number; readonly end: number }): void {
    if (!this.#options.isProved) this.#burn(end - start, start);
    for (let pc = start; pc < end; pc += 1) {
      const operation = this.#code[pc];
      if (operation !== undefined) this.#operation(operation, pc);
    }
  }

  #checkDepth(): void {
    this.#sink.get(STACK).byte(Wasm.globalGet, GLOBAL.stackEnd, Wasm.i32GeU, Wasm.if, VOID);
    this.#fault(FAULT.depth, this.#entry);
    this.#sink.byte(Wasm.end);
  }

  #burn(count: number, pc: number): void {
    const sink = this.#sink;
    sink.byte(Wasm.globalGet, GLOBAL.fuel).i32(count).byte(Wasm.i32Sub).tee(WORD);
    sink.byte(Wasm.globalSet, GLOBAL.fuel).get(WORD).i32(0).byte(Wasm.i32LtS, Wasm.if, VOID);
    this.#fault(FAULT.budget, pc);
    sink.byte(Wasm.end);
  }

  #fault(kind: number, pc: number): void {
    this.#sink.i32(kind).i32(pc).call(this.#options.callees.fault).byte(Wasm.unreachable);
  }

  #get(register: number): Sink {
    return this.#sink.get(LOCALS[register]!);
  }

  #set(register: number): Sink {
    return this.#sink.set(LOCALS[register]!);
  }

  /** A register or the immediate, as 64 bits. */
  #operand({ src, imm }: { readonly src: number; readonly imm: number }): void {
    if (src === IMMEDIATE) this.#sink.i64(BigInt(imm));
    else this.#get(src);
  }

  #operand32({ src, imm }: { readonly src: number; readonly imm: number }): void {
    if (src === IMMEDIATE) this.#sink.i32(imm);
    else this.#get(src).byte(Wasm.i32WrapI64);
  }

  #operation(operation: Operation, pc: number): void {
    const sink = this.#sink;
    switch (operation.kind) {
      case "alu":
        this.#alu(operation);
        return;
      case "neg": {
        const { wide, dst } = operation;
        if (wide) {
          sink.i64(0n);
          this.#get(dst).byte(Wasm.i64Sub);
        } else {
          sink.i32(0);
          this.#get(dst).byte(Wasm.i32WrapI64, Wasm.i32Sub, Wasm.i64ExtendI32U);
        }
        this.#set(dst);
        return;
      }
      case "movsx": {
        const { wide, bits, dst, src } = operation;
        this.#get(src);
        if (wide) sink.byte({ 8: Wasm.i64Extend8S, 16: Wasm.i64Extend16S, 32: Wasm.i64Extend32S }[bits]);
        else sink.byte(Wasm.i32WrapI64, bits === 8 ? Wasm.i32Extend8S : Wasm.i32Extend16S, Wasm.i64ExtendI32U);
        this.#set(dst);
        return;
      }
      case "swap":
        this.#swap(operation);
        return;
      case "load": {
        const { size, signed, dst, src, offset } = operation;
        const at = this.#address(src, offset, size, false, pc);
        sink.memory(signed ? SIGNED_LOADS[size]! : LOADS[size]!, at);
        this.#set(dst);
        return;
      }
      case "store": {
        const { size, dst, offset } = operation;
        const at = this.#address(dst, offset, size, true, pc);
        this.#operand(operation);
        sink.memory(STORES[size]!, at);
        return;
      }
      case "atomic":
        this.#atomic(operation, pc);
        return;
      case "load64":
        sink.i64((BigInt(operation.high) << 32n) | BigInt(operation.low >>> 0));
        this.#set(operation.dst);
        return;
      case "packet":
        this.#packet(operation, pc);
        return;
      case "jump":
        return;
      case "branch":
        this.#condition(operation);
        return;
      case "call":
        this.#call(operation, pc);
        return;
      case "exit":
        this.#get(0).byte(Wasm.return);
    }
  }

  #alu(operation: Alu): void {
    const { op, wide, dst, src, imm } = operation;
    const sink = this.#sink;
    if (op === "mov") {
      if (src === IMMEDIATE) sink.i64(wide ? BigInt(imm) : BigInt(imm >>> 0));
      else {
        this.#get(src);
        if (!wide) sink.byte(Wasm.i32WrapI64, Wasm.i64ExtendI32U);
      }
      this.#set(dst);
      return;
    }
    if (op === "div" || op === "mod" || op === "sdiv" || op === "smod") {
      this.#divide(operation);
      return;
    }
    this.#get(dst);
    if (wide) {
      this.#operand(operation);
      sink.byte(aluWideCode(op));
    } else {
      sink.byte(Wasm.i32WrapI64);
      this.#operand32(operation);
      sink.byte(alu32Code(op), Wasm.i64ExtendI32U);
    }
    this.#set(dst);
  }

  /** RFC 9669 §4.1 defines division by zero, where WebAssembly traps; so it does for the least number by -1. */
  #divide(operation: Alu): void {
    const { op, wide, dst, src, imm } = operation;
    const sink = this.#sink;
    const isModulo = op === "mod" || op === "smod";
    const isSigned = op === "sdiv" || op === "smod";
    const codes = wide
      ? { div: Wasm.i64DivU, sdiv: Wasm.i64DivS, mod: Wasm.i64RemU, smod: Wasm.i64RemS }
      : { div: Wasm.i32DivU, sdiv: Wasm.i32DivS, mod: Wasm.i32RemU, smod: Wasm.i32RemS };
    const type = wide ? I64 : I32;
    const left = (): void => {
      this.#get(dst);
      if (!wide) sink.byte(Wasm.i32WrapI64);
    };
    const right = (): void => (wide ? this.#operand(operation) : this.#operand32(operation));
    const needsZeroCheck = src !== IMMEDIATE || imm === 0;
    const needsMinusCheck = isSigned && !isModulo && (src !== IMMEDIATE || imm === -1);
    if (needsZeroCheck) {
      right();
      sink.byte(wide ? Wasm.i64Eqz : Wasm.i32Eqz, Wasm.if, type);
      if (isModulo) left();
      else if (wide) sink.i64(0n);
      else sink.i32(0);
      sink.byte(Wasm.else);
    }
    if (needsMinusCheck) {
      right();
      if (wide) sink.i64(-1n).byte(Wasm.i64Eq);
      else sink.i32(-1).byte(Wasm.i32Eq);
      sink.byte(Wasm.if, type);
      if (wide) sink.i64(0n);
      else sink.i32(0);
      left();
      sink.byte(wide ? Wasm.i64Sub : Wasm.i32Sub, Wasm.else);
    }
    left();
    right();
    sink.byte(codes[op as keyof typeof codes]);
    if (needsMinusCheck) sink.byte(Wasm.end);
    if (needsZeroCheck) sink.byte(Wasm.end);
    if (!wide) sink.byte(Wasm.i64ExtendI32U);
    this.#set(dst);
  }

  #swap({ to, bits, dst }: Swap): void {
    const sink = this.#sink;
    const word = (): void => void sink.byte(Wasm.i32WrapI64).tee(WORD);
    /** Swaps the bytes of the word that is on the stack and in `WORD`. */
    const swapWord = (): void => {
      sink.i32(8).byte(Wasm.i32Rotl).i32(0x00ff00ff).byte(Wasm.i32And);
      sink.get(WORD).i32(24).byte(Wasm.i32Rotl).i32(0xff00ff00).byte(Wasm.i32And, Wasm.i32Or);
    };
    this.#get(dst);
    if (to === "le") {
      if (bits === 16) sink.i64(0xffffn).byte(Wasm.i64And);
      else if (bits === 32) sink.byte(Wasm.i32WrapI64, Wasm.i64ExtendI32U);
    } else if (bits === 64) {
      word();
      swapWord();
      sink.byte(Wasm.i64ExtendI32U).i64(32n).byte(Wasm.i64Shl);
      this.#get(dst).i64(32n).byte(Wasm.i64ShrU);
      word();
      swapWord();
      sink.byte(Wasm.i64ExtendI32U, Wasm.i64Or);
    } else {
      word();
      swapWord();
      if (bits === 16) sink.i32(16).byte(Wasm.i32ShrU);
      sink.byte(Wasm.i64ExtendI32U);
    }
    this.#set(dst);
  }

  /** Leaves an address on the stack. Returns the offset that the access adds to it. */
  #address(register: number, offset: number, size: number, isWritten: boolean, pc: number): number {
    const sink = this.#sink;
    if (!this.#options.isProved) {
      this.#get(register);
      if (offset !== 0) sink.i64(BigInt(offset)).byte(Wasm.i64Add);
      sink
        .i32(size)
        .i32(isWritten ? 1 : 0)
        .i32(pc)
        .call(this.#options.callees.check);
      return 0;
    }
    if (register === 10 && offset >= -FRAME_BYTES) {
      sink.get(STACK);
      return offset + FRAME_BYTES;
    }
    this.#get(register).byte(Wasm.i32WrapI64);
    if (offset >= 0) return offset;
    sink.i32(offset).byte(Wasm.i32Add);
    return 0;
  }

  /** One thread owns the memory, so a load and a store are atomic. */
  #atomic({ op, size, fetch, dst, src, offset }: Atomic, pc: number): void {
    const sink = this.#sink;
    const at = this.#address(dst, offset, size, true, pc);
    sink.tee(ADDRESS).memory(LOADS[size]!, at).set(A);
    sink.get(ADDRESS);
    if (op === "cmpxchg") {
      this.#get(src).get(A).get(A);
      this.#get(0);
      if (size === 4) sink.byte(Wasm.i32WrapI64, Wasm.i64ExtendI32U);
      // select: the new value if the old one is r0.
      sink.byte(Wasm.i64Eq, 0x1b);
    } else if (op === "xchg") this.#get(src);
    else {
      sink.get(A);
      this.#get(src).byte(aluWideCode(op));
    }
    sink.memory(STORES[size]!, at);
    if (!fetch) return;
    sink.get(A);
    this.#set(op === "cmpxchg" ? 0 : src);
  }

  #packet({ size, src, imm }: Extract<Operation, { kind: "packet" }>, pc: number): void {
    const sink = this.#sink;
    sink.i32(imm);
    if (src !== IMMEDIATE) this.#get(src).byte(Wasm.i32WrapI64, Wasm.i32Add);
    // As 64 bits, since a negative offset is not a large one.
    sink.byte(Wasm.i64ExtendI32S).tee(A).i64(0n).byte(Wasm.i64LtS);
    sink.get(A).i64(BigInt(size)).byte(Wasm.i64Add).i32(0).memory(Wasm.i64Load32U, PACKET_LENGTH).byte(Wasm.i64GtU);
    sink.byte(Wasm.i32Or, Wasm.if, VOID);
    if (this.#entry === 0) sink.i64(0n).byte(Wasm.return);
    else this.#fault(FAULT.end, pc);
    sink.byte(Wasm.end);
    sink.get(A).byte(Wasm.i32WrapI64).i32(0).memory(Wasm.i32Load, PACKET_START).byte(Wasm.i32Add);
    sink.memory(LOADS[size]!, 0);
    this.#set(0);
    if (size > 1) this.#swap({ kind: "swap", to: "be", bits: (size * 8) as 16 | 32, dst: 0 });
  }

  /** Leaves 1 or 0. */
  #condition(branch: Branch): void {
    const { op, wide, dst } = branch;
    const sink = this.#sink;
    this.#get(dst);
    if (wide) this.#operand(branch);
    else {
      sink.byte(Wasm.i32WrapI64);
      this.#operand32(branch);
    }
    if (op !== "jset") sink.byte(compareCode(op, wide));
    else if (wide) sink.byte(Wasm.i64And).i64(0n).byte(Wasm.i64Ne);
    else sink.byte(Wasm.i32And);
  }

  #call({ type, target }: Extract<Operation, { kind: "call" }>, pc: number): void {
    const { callees } = this.#options;
    const sink = this.#sink;
    if (type === "kernel") {
      this.#fault(FAULT.kernel, pc);
      return;
    }
    if (type === "local") {
      for (let register = 1; register <= 5; register += 1) this.#get(register);
      this.#get(10).i64(BigInt(FRAME_BYTES)).byte(Wasm.i64Add).call(callees.locals.get(target)!);
      this.#set(0);
      return;
    }
    const lookup = callees.lookups.get(pc);
    if (lookup !== undefined) {
      this.#get(2).byte(Wasm.i32WrapI64).call(lookup).byte(Wasm.i64ExtendI32U);
      this.#set(0);
      return;
    }
    const array = callees.arrays.get(pc);
    if (array !== undefined) {
      this.#get(2).byte(Wasm.i32WrapI64);
      writeArrayLookup(sink, array, WORD);
      sink.byte(Wasm.i64ExtendI32U);
      this.#set(0);
      return;
    }
    if (type === "helper" && target === GET_CPU && this.#options.arityOf(target) === 0) {
      sink.i32(0).memory(Wasm.i64Load32U, CPU);
      this.#set(0);
      return;
    }
    const arity = type === "helper" ? this.#options.arityOf(target) : 5;
    for (let register = 1; register <= arity; register += 1) {
      sink.i32(0);
      this.#get(register).memory(Wasm.i64Store, ARGUMENTS + (register - 1) * 8);
    }
    if (type === "helper" && target === TAIL_CALL.id) {
      this.#tailCall();
      return;
    }
    if (type === "helper") sink.i32(target);
    else this.#get(target).byte(Wasm.i32WrapI64);
    sink.i32(pc).call(callees.helper);
    sink.i32(0).memory(Wasm.i64Load, RESULT);
    this.#set(0);
  }

  /** The other program takes this function's place, and its stack. */
  #tailCall(): void {
    const sink = this.#sink;
    this.#get(10).byte(Wasm.i32WrapI64).call(this.#options.callees.tail).byte(Wasm.if, VOID);
    sink.i32(0).memory(Wasm.i64Load, RESULT).byte(Wasm.return, Wasm.end);
    sink.i32(0).memory(Wasm.i64Load, RESULT);
    this.#set(0);
  }
}

const LOADS: Readonly<Record<number, number>> = {
  1: Wasm.i64Load8U,
  2: Wasm.i64Load16U,
  4: Wasm.i64Load32U,
  8: Wasm.i64Load,
};
const SIGNED_LOADS: Readonly<Record<number, number>> = {
  1: Wasm.i64Load8S,
  2: Wasm.i64Load16S,
  4: Wasm.i64Load32S,
};
const STORES: Readonly<Record<number, number>> = {
  1: Wasm.i64Store8,
  2: Wasm.i64Store16,
  4: Wasm.i64Store32,
  8: Wasm.i64Store,
};
