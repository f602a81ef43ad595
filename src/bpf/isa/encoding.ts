/**
 * Instructions as bytes (RFC 9669 §3): eight, or sixteen for a 64-bit immediate. Both byte orders are read; the assembler
 * writes the little one. `decode` turns fields into an `Operation` and refuses everything that the RFC leaves undefined.
 */

import { BpfError } from "../errors.ts";
import {
  type AluName,
  type AtomicName,
  type Condition,
  FRAME_POINTER,
  IMMEDIATE,
  type Operation,
  type Size,
} from "./operation.ts";

/** The fields of one slot of eight bytes. */
export interface Fields {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
}

const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
const MODE = { imm: 0, abs: 1, ind: 2, mem: 3, memsx: 4, atomic: 6 } as const;
const SOURCE_REGISTER = 0x08;

/** The code in the upper four bits, by name (RFC 9669 §4.1). */
const ALU_CODES: readonly (AluName | "neg" | "end" | undefined)[] = [
  ...(["add", "sub", "mul", "div", "or", "and", "lsh", "rsh"] as const),
  ...(["neg", "mod", "xor", "mov", "arsh", "end"] as const),
];
const JUMP_CODES: readonly (Condition | "ja" | "call" | "exit" | undefined)[] = [
  ...(["ja", "jeq", "jgt", "jge", "jset", "jne", "jsgt", "jsge"] as const),
  ...(["call", "exit", "jlt", "jle", "jslt", "jsle"] as const),
];
const SIZES: readonly Size[] = [4, 2, 1, 8];
const ATOMICS: ReadonlyMap<number, readonly [AtomicName, fetch: boolean]> = new Map([
  [0x00, ["add", false]],
  [0x40, ["or", false]],
  [0x50, ["and", false]],
  [0xa0, ["xor", false]],
  [0x01, ["add", true]],
  [0x41, ["or", true]],
  [0x51, ["and", true]],
  [0xa1, ["xor", true]],
  [0xe1, ["xchg", true]],
  [0xf1, ["cmpxchg", true]],
]);

const BYTES = 8;

/** Reads the fields of an instruction (RFC 9669 §3). */
export function readFields(bytes: Uint8Array, index: number, bigEndian = false): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * BYTES, BYTES);
  const registers = view.getUint8(1);
  const [low, high] = [registers & 0x0f, registers >> 4];
  return {
    opcode: view.getUint8(0),
    dst: bigEndian ? high : low,
    src: bigEndian ? low : high,
    offset: view.getInt16(2, !bigEndian),
    imm: view.getInt32(4, !bigEndian),
  };
}

/** Writes the fields of an instruction (RFC 9669 §3). */
export function writeFields(bytes: Uint8Array, index: number, { opcode, dst, src, offset, imm }: Fields): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + index * BYTES, BYTES);
  view.setUint8(0, opcode);
  view.setUint8(1, dst | (src << 4));
  view.setInt16(2, offset, true);
  view.setInt32(4, imm, true);
}

const refuse = (pc: number, reason: string): never => {
  throw new BpfError("INSTRUCTION", reason, { pc });
};

/** Throws unless these fields are zero: RFC 9669 §3, "unused fields SHALL be cleared to zero". */
function reserved(pc: number, fields: Fields, ...names: readonly ("dst" | "src" | "offset" | "imm")[]): void {
  for (const name of names) {
    if (fields[name] !== 0) refuse(pc, `${name} is ${fields[name]}, but must be 0 in opcode ${hex(fields.opcode)}`);
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;

/** `next` is the slot after this one, which a 64-bit immediate uses. */
export function decode(fields: Fields, pc: number, next?: Fields): Operation {
  const { opcode, dst, src } = fields;
  if (dst > FRAME_POINTER) refuse(pc, `there is no register r${dst}`);
  switch (opcode & 7) {
    case CLASS.alu:
    case CLASS.alu64:
      return decodeAlu(fields, pc);
    case CLASS.jmp:
    case CLASS.jmp32:
      return decodeJump(fields, pc);
    case CLASS.ld:
      return decodeLoadImmediate(fields, pc, next);
    default: {
      if (src > FRAME_POINTER) refuse(pc, `there is no register r${src}`);
      return decodeMemory(fields, pc);
    }
  }
}

function decodeAlu(fields: Fields, pc: number): Operation {
  const { opcode, dst, src, offset, imm } = fields;
  const wide = (opcode & 7) === CLASS.alu64;
  const name = ALU_CODES[opcode >> 4];
  const isRegister = (opcode & SOURCE_REGISTER) !== 0;
  if (name === undefined) return refuse(pc, `unknown opcode ${hex(opcode)}`);
  writable(dst, pc);
  if (name === "end") {
    // RFC 9669 §4.2. The source bit chooses the byte order; an unconditional swap has none.
    reserved(pc, fields, "src", "offset");
    if (wide && isRegister) return refuse(pc, `unknown opcode ${hex(opcode)}`);
    if (imm !== 16 && imm !== 32 && imm !== 64) return refuse(pc, `a byte swap of ${imm} bits; use 16, 32 or 64`);
    return { kind: "swap", to: wide ? "swap" : isRegister ? "be" : "le", bits: imm, dst };
  }
  if (name === "neg") {
    if (isRegister) return refuse(pc, `unknown opcode ${hex(opcode)}`);
    reserved(pc, fields, "src", "offset", "imm");
    return { kind: "neg", wide, dst };
  }
  if (isRegister) {
    if (src > FRAME_POINTER) return refuse(pc, `there is no register r${src}`);
    reserved(pc, fields, "imm");
  } else reserved(pc, fields, "src");
  if (name === "mov" && offset !== 0) {
    if (!isRegister || !(offset === 8 || offset === 16 || (offset === 32 && wide)))
      return refuse(pc, `offset ${offset} in a move; a sign extension has a register and 8, 16 or 32 bits`);
    return { kind: "movsx", wide, bits: offset, dst, src };
  }
  let op = name;
  if ((op === "div" || op === "mod") && offset === 1) op = `s${op}`;
  else reserved(pc, fields, "offset");
  return { kind: "alu", op, wide, dst, src: isRegister ? src : IMMEDIATE, imm };
}

function decodeJump(fields: Fields, pc: number): Operation {
  const { opcode, dst, src, offset, imm } = fields;
  const wide = (opcode & 7) === CLASS.jmp;
  const name = JUMP_CODES[opcode >> 4];
  const isRegister = (opcode & SOURCE_REGISTER) !== 0;
  switch (name) {
    case undefined:
      return refuse(pc, `unknown opcode ${hex(opcode)}`);
    case "ja":
      if (isRegister) return refuse(pc, `unknown opcode ${hex(opcode)}`);
      reserved(pc, fields, "dst", "src", wide ? "imm" : "offset");
      return { kind: "jump", target: pc + 1 + (wide ? offset : imm), long: !wide };
    case "exit":
      if (isRegister || !wide) return refuse(pc, `unknown opcode ${hex(opcode)}`);
      reserved(pc, fields, "dst", "src", "offset", "imm");
      return { kind: "exit" };
    case "call":
      return decodeCall(fields, pc, wide, isRegister);
    default:
      if (isRegister) {
        if (src > FRAME_POINTER) return refuse(pc, `there is no register r${src}`);
        reserved(pc, fields, "imm");
      } else reserved(pc, fields, "src");
      return { kind: "branch", op: name, wide, dst, src: isRegister ? src : IMMEDIATE, imm, target: pc + 1 + offset };
  }
}

function decodeCall(fields: Fields, pc: number, wide: boolean, isRegister: boolean): Operation {
  const { opcode, dst, src, imm } = fields;
  if (!wide) return refuse(pc, `unknown opcode ${hex(opcode)}`);
  if (isRegister) {
    // deviation: not in RFC 9669; clang and uBPF call a helper through a register this way.
    reserved(pc, fields, "offset", "src");
    // clang 14 puts the register in imm, others in dst.
    if (dst !== 0 && imm !== 0) return refuse(pc, "a call through two registers");
    if (imm < 0 || imm > FRAME_POINTER) return refuse(pc, `there is no register r${imm}`);
    return { kind: "call", type: "register", target: dst === 0 ? imm : dst };
  }
  reserved(pc, fields, "dst", "offset");
  if (src === 0) return { kind: "call", type: "helper", target: imm >>> 0 };
  if (src === 1) return { kind: "call", type: "local", target: pc + 1 + imm };
  if (src === 2) return { kind: "call", type: "kernel", target: imm };
  return refuse(pc, `an unknown kind of call, ${src}`);
}

function decodeMemory(fields: Fields, pc: number): Operation {
  const { opcode, dst, src, offset, imm } = fields;
  const size = SIZES[(opcode >> 3) & 3]!;
  const mode = opcode >> 5;
  switch (opcode & 7) {
    case CLASS.ldx: {
      const signed = mode === MODE.memsx;
      if (mode !== MODE.mem && (!signed || size === 8)) break;
      reserved(pc, fields, "imm");
      writable(dst, pc);
      return { kind: "load", size, signed, dst, src, offset };
    }
    case CLASS.st:
      if (mode !== MODE.mem) break;
      reserved(pc, fields, "src");
      return { kind: "store", size, dst, offset, src: IMMEDIATE, imm };
    case CLASS.stx: {
      if (mode === MODE.mem) {
        reserved(pc, fields, "imm");
        return { kind: "store", size, dst, offset, src, imm };
      }
      if (mode !== MODE.atomic || size < 4) break;
      const [op, fetch] = ATOMICS.get(imm) ?? refuse(pc, `an unknown atomic operation, ${hex(imm)}`);
      if (fetch && op !== "cmpxchg") writable(src, pc);
      return { kind: "atomic", op, size: size as 4 | 8, fetch, dst, src, offset };
    }
  }
  return refuse(pc, `unknown opcode ${hex(opcode)}`);
}

function decodeLoadImmediate(fields: Fields, pc: number, next: Fields | undefined): Operation {
  const { opcode, dst, src, imm } = fields;
  const size = SIZES[(opcode >> 3) & 3]!;
  const mode = opcode >> 5;
  if (mode === MODE.imm && size === 8) {
    writable(dst, pc);
    if (src > 6) return refuse(pc, `an unknown kind of 64-bit immediate, ${src}`);
    reserved(pc, fields, "offset");
    if (next === undefined) return refuse(pc, "a 64-bit immediate without its second half");
    if (next.opcode !== 0) return refuse(pc, "the second half of a 64-bit immediate has an opcode");
    reserved(pc + 1, next, "dst", "src", "offset");
    return { kind: "load64", dst, type: src, low: imm, high: next.imm };
  }
  if ((mode === MODE.abs || mode === MODE.ind) && size !== 8) {
    reserved(pc, fields, "dst", "offset");
    if (mode === MODE.abs) reserved(pc, fields, "src");
    else if (src > FRAME_POINTER) return refuse(pc, `there is no register r${src}`);
    return { kind: "packet", size, src: mode === MODE.abs ? IMMEDIATE : src, imm };
  }
  return refuse(pc, `unknown opcode ${hex(opcode)}`);
}

function writable(register: number, pc: number): void {
  if (register === FRAME_POINTER) refuse(pc, "r10 is the frame pointer, which is read-only");
}

/** The inverse of `decode`: one slot, or two. `pc` is where it will stand, since jumps are relative. */
export function encode(operation: Operation, pc: number): readonly Fields[] {
  const fields = (opcode: number, dst = 0, src = 0, offset = 0, imm = 0): Fields[] => [
    { opcode, dst, src, offset, imm },
  ];
  const sizeBits = (size: Size): number => SIZES.indexOf(size) << 3;
  const source = (src: number): number => (src === IMMEDIATE ? 0 : SOURCE_REGISTER);
  const register = (src: number): number => Math.max(src, 0);
  switch (operation.kind) {
    case "alu": {
      const { op, wide, dst, src, imm } = operation;
      const isSigned = op === "sdiv" || op === "smod";
      const code = ALU_CODES.indexOf(isSigned ? (op.slice(1) as AluName) : op) << 4;
      const opcode = code | source(src) | (wide ? CLASS.alu64 : CLASS.alu);
      return fields(opcode, dst, register(src), isSigned ? 1 : 0, src === IMMEDIATE ? imm : 0);
    }
    case "neg":
      return fields((operation.wide ? CLASS.alu64 : CLASS.alu) | 0x80, operation.dst);
    case "movsx": {
      const { wide, bits, dst, src } = operation;
      return fields(0xb0 | SOURCE_REGISTER | (wide ? CLASS.alu64 : CLASS.alu), dst, src, bits);
    }
    case "swap": {
      const { to, bits, dst } = operation;
      return fields(to === "swap" ? 0xd7 : to === "be" ? 0xdc : 0xd4, dst, 0, 0, bits);
    }
    case "load": {
      const { size, signed, dst, src, offset } = operation;
      return fields(CLASS.ldx | sizeBits(size) | ((signed ? MODE.memsx : MODE.mem) << 5), dst, src, offset);
    }
    case "store": {
      const { size, dst, src, offset, imm } = operation;
      const opcode = (src === IMMEDIATE ? CLASS.st : CLASS.stx) | sizeBits(size) | (MODE.mem << 5);
      return fields(opcode, dst, register(src), offset, src === IMMEDIATE ? imm : 0);
    }
    case "atomic": {
      const { op, size, fetch, dst, src, offset } = operation;
      const imm = [...ATOMICS].find(([, [name, fetches]]) => name === op && fetches === fetch)![0];
      return fields(CLASS.stx | sizeBits(size) | (MODE.atomic << 5), dst, src, offset, imm);
    }
    case "load64": {
      const { dst, type, low, high } = operation;
      return [...fields(0x18, dst, type, 0, low), ...fields(0, 0, 0, 0, high)];
    }
    case "packet": {
      const { size, src, imm } = operation;
      const mode = src === IMMEDIATE ? MODE.abs : MODE.ind;
      return fields(CLASS.ld | sizeBits(size) | (mode << 5), 0, register(src), 0, imm);
    }
    case "jump": {
      const distance = operation.target - pc - 1;
      return operation.long ? fields(CLASS.jmp32, 0, 0, 0, distance) : fields(CLASS.jmp, 0, 0, distance);
    }
    case "branch": {
      const { op, wide, dst, src, imm, target } = operation;
      const opcode = (JUMP_CODES.indexOf(op) << 4) | source(src) | (wide ? CLASS.jmp : CLASS.jmp32);
      return fields(opcode, dst, register(src), target - pc - 1, src === IMMEDIATE ? imm : 0);
    }
    case "call": {
      const { type, target } = operation;
      if (type === "register") return fields(0x8d, target);
      if (type === "local") return fields(0x85, 0, 1, 0, target - pc - 1);
      return fields(0x85, 0, type === "kernel" ? 2 : 0, 0, target | 0);
    }
    case "exit":
      return fields(0x95);
  }
}
