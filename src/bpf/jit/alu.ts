/** Opcodes of WebAssembly for operations that both instruction sets define alike. */

import type { AluName, AtomicName, Condition } from "../isa/index.ts";
import { Wasm } from "./wasm.ts";

type Plain = Exclude<AluName, "mov" | "div" | "sdiv" | "mod" | "smod"> | Exclude<AtomicName, "xchg" | "cmpxchg">;

const WIDE: Readonly<Record<Plain, number>> = {
  add: Wasm.i64Add,
  sub: Wasm.i64Sub,
  mul: Wasm.i64Mul,
  or: Wasm.i64Or,
  and: Wasm.i64And,
  xor: Wasm.i64Xor,
  // Both mask the distance.
  lsh: Wasm.i64Shl,
  rsh: Wasm.i64ShrU,
  arsh: Wasm.i64ShrS,
};

const NARROW: Readonly<Record<Plain, number>> = {
  add: Wasm.i32Add,
  sub: Wasm.i32Sub,
  mul: Wasm.i32Mul,
  or: Wasm.i32Or,
  and: Wasm.i32And,
  xor: Wasm.i32Xor,
  lsh: Wasm.i32Shl,
  rsh: Wasm.i32ShrU,
  arsh: Wasm.i32ShrS,
};

export const aluWideCode = (op: Plain): number => WIDE[op];
export const alu32Code = (op: Plain): number => NARROW[op];

const COMPARE: Readonly<Record<Exclude<Condition, "jset">, readonly [narrow: number, wide: number]>> = {
  jeq: [Wasm.i32Eq, Wasm.i64Eq],
  jne: [Wasm.i32Ne, Wasm.i64Ne],
  jgt: [Wasm.i32GtU, Wasm.i64GtU],
  jge: [Wasm.i32GeU, Wasm.i64GeU],
  jlt: [Wasm.i32LtU, Wasm.i64LtU],
  jle: [Wasm.i32LeU, Wasm.i64LeU],
  jsgt: [Wasm.i32GtS, Wasm.i64GtS],
  jsge: [Wasm.i32GeS, Wasm.i64GeS],
  jslt: [Wasm.i32LtS, Wasm.i64LtS],
  jsle: [Wasm.i32LeS, Wasm.i64LeS],
};

export const compareCode = (op: Exclude<Condition, "jset">, wide: boolean): number => COMPARE[op][wide ? 1 : 0];
