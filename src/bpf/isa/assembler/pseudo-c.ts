/**
 * llvm's syntax, which clang's assembler reads and `llvm-objdump` prints: `r0 = 5`, `w1 += w2`, `r0 = *(u32 *)(r1 + 4)`,
 * `if r1 s> 3 goto +2`, `r1 = 0x10 ll`, `lock *(u64 *)(r1 + 0) += r2`. `w` registers are the lower halves.
 */

import {
  type Alu,
  type AluName,
  type AtomicName,
  type Condition,
  IMMEDIATE,
  type MoveSigned,
  type Operation,
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

export const ALU_SIGNS: Readonly<Record<AluName, string>> = {
  ...{ add: "+=", sub: "-=", mul: "*=", div: "/=", sdiv: "s/=", or: "|=", and: "&=" },
  ...{ lsh: "<<=", rsh: ">>=", mod: "%=", smod: "s%=", xor: "^=", mov: "=", arsh: "s>>=" },
};
export const CONDITION_SIGNS: Readonly<Record<Condition, string>> = {
  ...{ jeq: "==", jgt: ">", jge: ">=", jset: "&", jne: "!=", jsgt: "s>", jsge: "s>=" },
  ...{ jlt: "<", jle: "<=", jslt: "s<", jsle: "s<=" },
};
const ALU_NAMES = new Map(Object.entries(ALU_SIGNS).map(([name, sign]) => [sign, name as AluName]));
const CONDITION_NAMES = new Map(Object.entries(CONDITION_SIGNS).map(([name, sign]) => [sign, name as Condition]));
const SIZES: Readonly<Record<string, Size>> = { 8: 1, 16: 2, 32: 4, 64: 8 };

const R = "([rw]\\d+)";
const ADDRESS = "\\(\\s*(r\\d+)\\s*(?:([+-])\\s*(\\w+))?\\s*\\)";
const CAST = "\\*\\s*\\(\\s*([us])(8|16|32|64)\\s*\\*\\s*\\)";

interface Form {
  readonly pattern: RegExp;
  read(groups: readonly (string | undefined)[], pc: number): Statement | Operation;
}

const offsetOf = (sign: string | undefined, digits: string | undefined): number =>
  digits === undefined ? 0 : parseOffset(`${sign}${digits}`);

const isWide = (register: string): boolean => register.startsWith("r");

function operandOf(text: string, wide: boolean): Pick<Alu, "src" | "imm"> {
  if (!isRegister(text)) return { src: IMMEDIATE, imm: parseImmediate(text) };
  if (isWide(text) !== wide) throw new LineError(`${text} does not have the width of the other operand`);
  return { src: parseRegister(text), imm: 0 };
}

const form = (pattern: string, read: Form["read"]): Form => ({ pattern: new RegExp(`^${pattern}$`), read });

const FORMS: readonly Form[] = [
  form("exit", () => ({ kind: "exit" })),
  form("(goto|gotol)\\s+(.+)", ([word, to], pc) => {
    const { target, label } = parseTarget(to!, pc);
    return { operation: { kind: "jump", target, long: word === "gotol" }, label };
  }),
  form(`if\\s+${R}\\s+(s?[<>]=?|==|!=|&)\\s+(\\S+)\\s+goto\\s+(.+)`, ([dst, sign, operand, to], pc) => {
    const { target, label } = parseTarget(to!, pc);
    const wide = isWide(dst!);
    const op = CONDITION_NAMES.get(sign!)!;
    const branch = {
      kind: "branch",
      op,
      wide,
      dst: parseRegister(dst!),
      ...operandOf(operand!, wide),
      target,
    } as const;
    return { operation: branch, label };
  }),
  form("(call|callx)\\s+(\\S+)", ([word, to], pc) => {
    if (word === "callx" || isRegister(to!)) return { kind: "call", type: "register", target: parseRegister(to!) };
    if (/^[+-]/.test(to!) || !/^\d|^0x/.test(to!)) {
      // A function of the program, by its label or its distance.
      const { target, label } = parseTarget(to!, pc);
      return { operation: { kind: "call", type: "local", target }, label };
    }
    return { kind: "call", type: "helper", target: parseHelper(to!) };
  }),
  form("call\\s+kernel\\s+(\\S+)", ([id]) => ({ kind: "call", type: "kernel", target: parseImmediate(id!) })),
  form("(r\\d+)\\s*=\\s*(\\S+)\\s+ll", ([dst, value]) => ({
    kind: "load64",
    dst: parseRegister(dst!),
    type: 0,
    ...parseImmediate64(value!),
  })),
  form("(r\\d+)\\s*=\\s*imm64\\s+(\\d)\\s+(\\S+)\\s+(\\S+)", ([dst, type, low, high]) => ({
    kind: "load64",
    dst: parseRegister(dst!),
    type: Number(type),
    low: parseImmediate(low!),
    high: parseImmediate(high!),
  })),
  form(
    `r0\\s*=\\s*\\*\\s*\\(\\s*u(8|16|32)\\s*\\*\\s*\\)\\s*skb\\[\\s*(?:(r\\d+)\\s*\\+?)?\\s*(-?\\w*)\\s*\\]`,
    ([bits, src, imm]) => ({
      kind: "packet",
      size: SIZES[bits!] as 1 | 2 | 4,
      src: src === undefined ? IMMEDIATE : parseRegister(src),
      imm: imm === "" ? 0 : parseImmediate(imm!),
    }),
  ),
  form(`(r\\d+|w\\d+)\\s*=\\s*${CAST}\\s*${ADDRESS}`, ([dst, sign, bits, base, direction, distance]) => {
    const signed = sign === "s";
    if (signed && bits === "64") throw new LineError("a load of 64 bits has no sign to extend");
    const offset = offsetOf(direction, distance);
    return { kind: "load", size: SIZES[bits!]!, signed, dst: parseRegister(dst!), src: parseRegister(base!), offset };
  }),
  form(
    `lock\\s+${CAST}\\s*${ADDRESS}\\s*(\\+=|\\|=|&=|\\^=)\\s*${R}`,
    ([, bits, base, direction, distance, sign, src]) =>
      atomic(ALU_NAMES.get(sign!) as AtomicName, bits!, false, base!, offsetOf(direction, distance), src!),
  ),
  form(
    `${R}\\s*=\\s*atomic_fetch_(add|or|and|xor)\\s*\\(\\s*\\(\\s*u(32|64)\\s*\\*\\s*\\)\\s*${ADDRESS}\\s*,\\s*${R}\\s*\\)`,
    ([, op, bits, base, direction, distance, src]) =>
      atomic(op as AtomicName, bits!, true, base!, offsetOf(direction, distance), src!),
  ),
  form(
    `${R}\\s*=\\s*xchg(?:32)?_(32|64)\\s*\\(\\s*(r\\d+)\\s*(?:([+-])\\s*(\\w+))?\\s*,\\s*${R}\\s*\\)`,
    ([, bits, base, direction, distance, src]) =>
      atomic("xchg", bits!, true, base!, offsetOf(direction, distance), src!),
  ),
  form(
    `[rw]0\\s*=\\s*cmpxchg(?:32)?_(32|64)\\s*\\(\\s*(r\\d+)\\s*(?:([+-])\\s*(\\w+))?\\s*,\\s*[rw]0\\s*,\\s*${R}\\s*\\)`,
    ([bits, base, direction, distance, src]) =>
      atomic("cmpxchg", bits!, true, base!, offsetOf(direction, distance), src!),
  ),
  form(`${CAST}\\s*${ADDRESS}\\s*=\\s*(\\S+)`, ([, bits, base, direction, distance, value]) => {
    const operand = isRegister(value!)
      ? { src: parseRegister(value!), imm: 0 }
      : { src: IMMEDIATE, imm: parseImmediate(value!) };
    const offset = offsetOf(direction, distance);
    return { kind: "store", size: SIZES[bits!]!, dst: parseRegister(base!), offset, ...operand };
  }),
  form(`${R}\\s*=\\s*(le|be|bswap)(16|32|64)\\s+${R}`, ([dst, to, bits]) => ({
    kind: "swap",
    to: to === "bswap" ? "swap" : (to as "le" | "be"),
    bits: Number(bits) as Swap["bits"],
    dst: parseRegister(dst!),
  })),
  form(`${R}\\s*=\\s*\\(\\s*s(8|16|32)\\s*\\)\\s*${R}`, ([dst, bits, src]) => ({
    kind: "movsx",
    wide: isWide(dst!),
    bits: Number(bits) as MoveSigned["bits"],
    dst: parseRegister(dst!),
    src: parseRegister(src!),
  })),
  form(`${R}\\s*=\\s*-\\s*${R}`, ([dst, src]) => {
    if (dst !== src) throw new LineError("a negation has one register");
    return { kind: "neg", wide: isWide(dst!), dst: parseRegister(dst!) };
  }),
  form(`${R}\\s*(s>>=|s/=|s%=|<<=|>>=|[-+*/|&%^]?=)\\s*(\\S+)`, ([dst, sign, operand]) => {
    const wide = isWide(dst!);
    return { kind: "alu", op: ALU_NAMES.get(sign!)!, wide, dst: parseRegister(dst!), ...operandOf(operand!, wide) };
  }),
];

function atomic(op: AtomicName, bits: string, fetch: boolean, base: string, offset: number, src: string): Operation {
  if (bits !== "32" && bits !== "64") throw new LineError(`an atomic operation on ${bits} bits; use 32 or 64`);
  const size = bits === "32" ? 4 : 8;
  return { kind: "atomic", op, size, fetch, dst: parseRegister(base), src: parseRegister(src), offset };
}

/** Returns undefined for a line that has none of these forms. */
export function parsePseudoC(line: string, pc: number): Statement | undefined {
  for (const { pattern, read } of FORMS) {
    const match = pattern.exec(line);
    if (match === null) continue;
    const result = read(match.slice(1), pc);
    return "operation" in result ? result : { operation: result };
  }
  return undefined;
}
