/**
 * The syntax of the public conformance suite, with RFC 9669's names of instructions: `add32 %r1, 5`, `ldxw %r0, [%r1+4]`,
 * `jeq %r0, %r1, +3`, `lock fetch add [%r10-8], %r1`. Without `32`, an operation is on 64 bits.
 */

import {
  type Alu,
  type AluName,
  type AtomicName,
  type Condition,
  IMMEDIATE,
  type MoveSigned,
  type Size,
  type Swap,
} from "../operation.ts";
import {
  isRegister,
  LineError,
  parseHelper,
  parseImmediate,
  parseImmediate64,
  parseOffset,
  parseRegister,
  parseTarget,
  type Statement,
} from "./tokens.ts";

const ALU = new Set<string>(
  "add sub mul div sdiv or and lsh rsh mod smod xor mov arsh".split(" ") satisfies readonly string[],
);
const CONDITIONS = new Set<string>("jeq jgt jge jset jne jsgt jsge jlt jle jslt jsle".split(" "));
const ATOMIC_NAMES = new Set<string>(["add", "or", "and", "xor", "xchg", "cmpxchg"]);
const SIZES: Readonly<Record<string, Size>> = { b: 1, h: 2, w: 4, dw: 8 };

export function parseMnemonic(line: string, pc: number): Statement {
  const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
  if (name === "lock") return parseLock(rest);
  if (name === "call") return parseCall(rest, pc);
  const operands = rest === "" ? [] : rest.split(",").map((each) => each.trim());
  const take = (count: number): readonly string[] => {
    if (operands.length !== count) {
      throw new LineError(`Invalid number of operands for ${name}: ${operands.length} instead of ${count}`);
    }
    return operands;
  };
  if (name === "exit") {
    take(0);
    return { operation: { kind: "exit" } };
  }
  if (name === "ja" || name === "ja32") {
    const { target, label } = parseTarget(take(1)[0]!, pc);
    return { operation: { kind: "jump", target, long: name === "ja32" }, label };
  }
  return (
    parseArithmetic(name, take) ??
    parseBranch(name, take, pc) ??
    parseMemory(name, take) ??
    refuse(`Invalid mnemonic: ${name}`)
  );
}

type Take = (count: number) => readonly string[];

const refuse = (reason: string): never => {
  throw new LineError(reason);
};

function parseArithmetic(name: string, take: Take): Statement | undefined {
  const swap = /^(le|be|swap|bswap)(16|32|64)$/.exec(name);
  if (swap !== null) {
    const to = swap[1]!.endsWith("swap") ? "swap" : (swap[1] as "le" | "be");
    return { operation: { kind: "swap", to, bits: Number(swap[2]) as Swap["bits"], dst: parseRegister(take(1)[0]!) } };
  }
  const signed = /^movsx(8|16|32)(32|64)$/.exec(name);
  if (signed !== null) {
    const [dst, src] = take(2).map(parseRegister) as [number, number];
    const bits = Number(signed[1]) as MoveSigned["bits"];
    if (bits === 32 && signed[2] === "32") return refuse(`Invalid mnemonic: ${name}`);
    return { operation: { kind: "movsx", wide: signed[2] === "64", bits, dst, src } };
  }
  const [, base = "", width] = /^([a-z]+?)(32|64)?$/.exec(name) ?? [];
  const wide = width !== "32";
  if (base === "neg") return { operation: { kind: "neg", wide, dst: parseRegister(take(1)[0]!) } };
  if (!ALU.has(base)) return undefined;
  const [dst, operand] = take(2) as [string, string];
  return { operation: { kind: "alu", op: base as AluName, wide, dst: parseRegister(dst), ...parseOperand(operand) } };
}

const parseOperand = (text: string): Pick<Alu, "src" | "imm"> =>
  isRegister(text) ? { src: parseRegister(text), imm: 0 } : { src: IMMEDIATE, imm: parseImmediate(text) };

function parseBranch(name: string, take: Take, pc: number): Statement | undefined {
  const [, op = "", width] = /^(j[a-z]+)(32)?$/.exec(name) ?? [];
  if (!CONDITIONS.has(op)) return undefined;
  const [dst, operand, to] = take(3) as [string, string, string];
  const { target, label } = parseTarget(to, pc);
  return {
    operation: {
      kind: "branch",
      op: op as Condition,
      wide: width === undefined,
      dst: parseRegister(dst),
      ...parseOperand(operand),
      target,
    },
    label,
  };
}

function parseMemory(name: string, take: Take): Statement | undefined {
  if (name === "lddw") {
    const [dst, value] = take(2) as [string, string];
    return { operation: { kind: "load64", dst: parseRegister(dst), type: 0, ...parseImmediate64(value) } };
  }
  const packet = /^ld(abs|ind)(b|h|w)$/.exec(name);
  if (packet !== null) {
    const size = SIZES[packet[2]!] as 1 | 2 | 4;
    if (packet[1] === "abs") {
      return { operation: { kind: "packet", size, src: IMMEDIATE, imm: parseImmediate(take(1)[0]!) } };
    }
    const [src, imm] = take(2) as [string, string];
    return { operation: { kind: "packet", size, src: parseRegister(src), imm: parseImmediate(imm) } };
  }
  const load = /^ldx(s?)(b|h|w|dw)$/.exec(name);
  if (load !== null && !(load[1] === "s" && load[2] === "dw")) {
    const [dst, address] = take(2) as [string, string];
    const { base, offset } = parseAddress(address);
    const signed = load[1] === "s";
    return { operation: { kind: "load", size: SIZES[load[2]!]!, signed, dst: parseRegister(dst), src: base, offset } };
  }
  const store = /^st(x?)(b|h|w|dw)$/.exec(name);
  if (store === null) return undefined;
  const [address, value] = take(2) as [string, string];
  const { base, offset } = parseAddress(address);
  const operand =
    store[1] === "x" ? { src: parseRegister(value), imm: 0 } : { src: IMMEDIATE, imm: parseImmediate(value) };
  return { operation: { kind: "store", size: SIZES[store[2]!]!, dst: base, offset, ...operand } };
}

function parseAddress(text: string): { readonly base: number; readonly offset: number } {
  const [, base, sign, distance] = /^\[\s*(%?[rw]\d+)\s*(?:([+-])\s*(\w+))?\s*\]$/.exec(text) ?? [];
  if (base === undefined) throw new LineError(`expected an address such as [%r1+4], not "${text}"`);
  return { base: parseRegister(base), offset: distance === undefined ? 0 : parseOffset(`${sign}${distance}`) };
}

function parseLock(rest: string): Statement {
  const [, words = "", address, register] = /^([a-z0-9_ ]+?)\s*(\[[^\]]*\])\s*,\s*(\S+)$/.exec(rest) ?? [];
  if (address === undefined) return refuse("Invalid number of operands for lock");
  const [, fetches, op = "", width] = /^(fetch[ _])?([a-z]+?)(32|64)?$/.exec(words) ?? [];
  if (!ATOMIC_NAMES.has(op)) return refuse(`Invalid mnemonic: lock ${words}`);
  const { base, offset } = parseAddress(address);
  const fetch = fetches !== undefined || op === "xchg" || op === "cmpxchg";
  const size = width === "32" ? 4 : 8;
  const src = parseRegister(register!);
  return { operation: { kind: "atomic", op: op as AtomicName, size, fetch, dst: base, src, offset } };
}

function parseCall(rest: string, pc: number): Statement {
  const local = /^local\s+(.+)$/.exec(rest);
  if (local !== null) {
    const { target, label } = parseTarget(local[1]!, pc);
    return { operation: { kind: "call", type: "local", target }, label };
  }
  if (isRegister(rest)) return { operation: { kind: "call", type: "register", target: parseRegister(rest) } };
  const kernel = /^kernel\s+(.+)$/.exec(rest);
  if (kernel !== null) return { operation: { kind: "call", type: "kernel", target: parseImmediate(kernel[1]!) } };
  return { operation: { kind: "call", type: "helper", target: parseHelper(rest) } };
}
