/** Operations as text that `assemble` reads back: llvm's syntax by default, or the conformance suite's mnemonics. */

import { ALU_SIGNS, CONDITION_SIGNS } from "./assembler/pseudo-c.ts";
import { IMMEDIATE, type Operation } from "./operation.ts";

/** The syntaxes of assembly: clang's, and the conformance suite's. */
export type Syntax = "llvm" | "mnemonics";

/** One line, without its index. Distances of jumps are relative to the next instruction. */
export function disassemble(operation: Operation, pc: number, syntax: Syntax = "llvm"): string {
  return syntax === "llvm" ? pseudoC(operation, pc) : mnemonic(operation, pc);
}

const signed = (value: number): string => (value < 0 ? `${value}` : `+${value}`);
const spaced = (offset: number): string => (offset < 0 ? `- ${-offset}` : `+ ${offset}`);

function value64({ low, high }: { readonly low: number; readonly high: number }): string {
  const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return value < 10n ? `${value}` : `0x${value.toString(16)}`;
}

function pseudoC(operation: Operation, pc: number): string {
  switch (operation.kind) {
    case "alu": {
      const { op, wide, dst, src, imm } = operation;
      const r = wide ? "r" : "w";
      return `${r}${dst} ${ALU_SIGNS[op]} ${src === IMMEDIATE ? imm : `${r}${src}`}`;
    }
    case "neg":
      return `${operation.wide ? "r" : "w"}${operation.dst} = -${operation.wide ? "r" : "w"}${operation.dst}`;
    case "movsx": {
      const { wide, bits, dst, src } = operation;
      const r = wide ? "r" : "w";
      return `${r}${dst} = (s${bits})${r}${src}`;
    }
    case "swap": {
      const { to, bits, dst } = operation;
      return `r${dst} = ${to === "swap" ? "bswap" : to}${bits} r${dst}`;
    }
    case "load": {
      const { size, dst, src, offset } = operation;
      return `r${dst} = *(${operation.signed ? "s" : "u"}${size * 8} *)(r${src} ${spaced(offset)})`;
    }
    case "store": {
      const { size, dst, src, offset, imm } = operation;
      return `*(u${size * 8} *)(r${dst} ${spaced(offset)}) = ${src === IMMEDIATE ? imm : `r${src}`}`;
    }
    case "atomic": {
      const { op, size, fetch, dst, src, offset } = operation;
      const bits = size * 8;
      const r = size === 8 ? "r" : "w";
      const place = `r${dst} ${spaced(offset)}`;
      if (op === "cmpxchg") return `${r}0 = cmpxchg_${bits}(${place}, ${r}0, ${r}${src})`;
      if (op === "xchg") return `${r}${src} = xchg_${bits}(${place}, ${r}${src})`;
      if (fetch) return `${r}${src} = atomic_fetch_${op}((u${bits} *)(${place}), ${r}${src})`;
      return `lock *(u${bits} *)(${place}) ${ALU_SIGNS[op]} ${r}${src}`;
    }
    case "load64":
      if (operation.type === 0) return `r${operation.dst} = ${value64(operation)} ll`;
      return `r${operation.dst} = imm64 ${operation.type} ${operation.low} ${operation.high}`;
    case "packet": {
      const { size, src, imm } = operation;
      return `r0 = *(u${size * 8} *)skb[${src === IMMEDIATE ? imm : `r${src} + ${imm}`}]`;
    }
    case "jump":
      return `${operation.long ? "gotol" : "goto"} ${signed(operation.target - pc - 1)}`;
    case "branch": {
      const { op, wide, dst, src, imm, target } = operation;
      const r = wide ? "r" : "w";
      const operand = src === IMMEDIATE ? imm : `${r}${src}`;
      return `if ${r}${dst} ${CONDITION_SIGNS[op]} ${operand} goto ${signed(target - pc - 1)}`;
    }
    case "call":
      if (operation.type === "local") return `call ${signed(operation.target - pc - 1)}`;
      if (operation.type === "register") return `callx r${operation.target}`;
      return `call ${operation.type === "kernel" ? "kernel " : ""}${operation.target}`;
    case "exit":
      return "exit";
  }
}

const SUFFIXES: Readonly<Record<number, string>> = { 1: "b", 2: "h", 4: "w", 8: "dw" };

function mnemonic(operation: Operation, pc: number): string {
  const address = (register: number, offset: number): string =>
    offset === 0 ? `[%r${register}]` : `[%r${register}${signed(offset)}]`;
  const operand = ({ src, imm }: { readonly src: number; readonly imm: number }): string =>
    src === IMMEDIATE ? `${imm}` : `%r${src}`;
  switch (operation.kind) {
    case "alu":
      return `${operation.op}${operation.wide ? "" : "32"} %r${operation.dst}, ${operand(operation)}`;
    case "neg":
      return `neg${operation.wide ? "" : "32"} %r${operation.dst}`;
    case "movsx":
      return `movsx${operation.bits}${operation.wide ? "64" : "32"} %r${operation.dst}, %r${operation.src}`;
    case "swap":
      return `${operation.to}${operation.bits} %r${operation.dst}`;
    case "load": {
      const { size, dst, src, offset } = operation;
      return `ldx${operation.signed ? "s" : ""}${SUFFIXES[size]} %r${dst}, ${address(src, offset)}`;
    }
    case "store": {
      const { size, dst, src, offset } = operation;
      return `st${src === IMMEDIATE ? "" : "x"}${SUFFIXES[size]} ${address(dst, offset)}, ${operand(operation)}`;
    }
    case "atomic": {
      const { op, size, fetch, dst, src, offset } = operation;
      const fetches = fetch && op !== "xchg" && op !== "cmpxchg" ? "fetch " : "";
      return `lock ${fetches}${op}${size === 4 ? "32" : ""} ${address(dst, offset)}, %r${src}`;
    }
    case "load64":
      if (operation.type !== 0) return pseudoC(operation, pc);
      return `lddw %r${operation.dst}, ${value64(operation)}`;
    case "packet": {
      const { size, src, imm } = operation;
      return src === IMMEDIATE ? `ldabs${SUFFIXES[size]} ${imm}` : `ldind${SUFFIXES[size]} %r${src}, ${imm}`;
    }
    case "jump":
      return `ja${operation.long ? "32" : ""} ${signed(operation.target - pc - 1)}`;
    case "branch": {
      const { op, wide, dst, target } = operation;
      return `${op}${wide ? "" : "32"} %r${dst}, ${operand(operation)}, ${signed(target - pc - 1)}`;
    }
    case "call":
      if (operation.type === "local") return `call local ${signed(operation.target - pc - 1)}`;
      if (operation.type === "register") return `call %r${operation.target}`;
      return `call ${operation.type === "kernel" ? "kernel " : ""}${operation.target}`;
    case "exit":
      return "exit";
  }
}
