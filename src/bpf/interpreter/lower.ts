/** Operations as words, so that the interpreter's loop switches over numbers: seven for each slot. */

import { type AluName, type Code, type Condition, IMMEDIATE, type Operation } from "../isa/index.ts";

/** Offsets of a lowered instruction's words. */
export const WORDS = 7;
/** `op, dst, src, low, high, offset, size`: registers are indices into pairs of words. */
export type Lowered = Int32Array;

/** The pair of words that holds an immediate operand. */
export const SCRATCH = 11;

const ALU: readonly AluName[] = [
  ...(["add", "sub", "mul", "div", "sdiv", "or", "and"] as const),
  ...(["lsh", "rsh", "mod", "smod", "xor", "mov", "arsh"] as const),
];
const CONDITIONS: readonly Condition[] = [
  ...(["jeq", "jgt", "jge", "jset", "jne", "jsgt"] as const),
  ...(["jsge", "jlt", "jle", "jslt", "jsle"] as const),
];

/** The numbers of operations. ALU and branches have their name's index added, and 16 for the 32-bit form. */
export const Op = {
  illegal: 0,
  alu64: 16,
  alu32: 32,
  branch64: 48,
  branch32: 64,
  neg64: 80,
  neg32: 81,
  movsx64: 82,
  movsx32: 83,
  le: 84,
  be: 85,
  swap: 86,
  load: 87,
  loadSigned: 88,
  store: 89,
  load64: 90,
  jump: 91,
  callHelper: 92,
  callLocal: 93,
  callRegister: 94,
  exit: 95,
  atomic: 96,
  packet: 97,
  callKernel: 98,
} as const;

export const alu = (name: AluName): number => ALU.indexOf(name);
export const condition = (name: Condition): number => CONDITIONS.indexOf(name);

const ATOMICS = ["add", "or", "and", "xor", "xchg", "cmpxchg"] as const;
export const atomicNames = ATOMICS;

const cache = new WeakMap<Code, Lowered>();

export function lower(code: Code): Lowered {
  const known = cache.get(code);
  if (known !== undefined) return known;
  const words = new Int32Array(code.length * WORDS);
  code.forEach((operation, pc) => {
    if (operation !== undefined) words.set(lowerOne(operation), pc * WORDS);
  });
  cache.set(code, words);
  return words;
}

const pair = (register: number): number => (register === IMMEDIATE ? SCRATCH : register) * 2;
const sign = (imm: number): number => imm >> 31;

function lowerOne(operation: Operation): readonly number[] {
  switch (operation.kind) {
    case "alu": {
      const { op, wide, dst, src, imm } = operation;
      return [(wide ? Op.alu64 : Op.alu32) + alu(op), dst * 2, pair(src), imm, sign(imm)];
    }
    case "neg":
      return [operation.wide ? Op.neg64 : Op.neg32, operation.dst * 2];
    case "movsx": {
      const { wide, dst, src, bits } = operation;
      return [wide ? Op.movsx64 : Op.movsx32, dst * 2, src * 2, 32 - bits];
    }
    case "swap":
      return [Op[operation.to], operation.dst * 2, 0, operation.bits];
    case "load": {
      const { signed, dst, src, offset, size } = operation;
      return [signed ? Op.loadSigned : Op.load, dst * 2, src * 2, 0, 0, offset, size];
    }
    case "store": {
      const { dst, src, imm, offset, size } = operation;
      return [Op.store, dst * 2, pair(src), imm, sign(imm), offset, size];
    }
    case "atomic": {
      const { op, dst, src, fetch, offset, size } = operation;
      return [Op.atomic, dst * 2, src * 2, ATOMICS.indexOf(op), fetch ? 1 : 0, offset, size];
    }
    case "load64":
      return [Op.load64, operation.dst * 2, 0, operation.low, operation.high];
    case "packet":
      return [Op.packet, 0, pair(operation.src), operation.imm, 0, operation.src, operation.size];
    case "jump":
      return [Op.jump, 0, 0, 0, 0, operation.target];
    case "branch": {
      const { op, wide, dst, src, imm, target } = operation;
      return [(wide ? Op.branch64 : Op.branch32) + condition(op), dst * 2, pair(src), imm, sign(imm), target];
    }
    case "call": {
      const { type, target } = operation;
      if (type === "local") return [Op.callLocal, 0, 0, 0, 0, target];
      if (type === "register") return [Op.callRegister, target * 2];
      return [type === "helper" ? Op.callHelper : Op.callKernel, 0, 0, target];
    }
    case "exit":
      return [Op.exit];
  }
}
