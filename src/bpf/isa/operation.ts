/**
 * The opcode algebra of RFC 9669: every instruction as one value of a union, with the rules that decide whether its eight
 * bytes are legal. Everything that executes, prints, checks or compiles programs reads operations, never bits.
 */

export type AluName =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "sdiv"
  | "or"
  | "and"
  | "lsh"
  | "rsh"
  | "mod"
  | "smod"
  | "xor"
  | "mov"
  | "arsh";

/** The conditions of jumps (RFC 9669 §4.3). */
export type Condition = "jeq" | "jgt" | "jge" | "jset" | "jne" | "jsgt" | "jsge" | "jlt" | "jle" | "jslt" | "jsle";

/** The atomic operations (RFC 9669 §5.3). */
export type AtomicName = "add" | "or" | "and" | "xor" | "xchg" | "cmpxchg";

/** The sizes of loads and stores, in bytes. */
export type Size = 1 | 2 | 4 | 8;

/** Stands for "no register: the operand is the immediate". */
export const IMMEDIATE = -1;

/** The kinds of 64-bit immediates (RFC 9669 §5.4), by the number in the source register. */
export const IMMEDIATE_64 = {
  value: 0,
  mapByDescriptor: 1,
  mapValueByDescriptor: 2,
  variable: 3,
  code: 4,
  mapByIndex: 5,
  mapValueByIndex: 6,
} as const;

/** An instruction, decoded. */
export type Operation =
  | Alu
  | { readonly kind: "neg"; readonly wide: boolean; readonly dst: number }
  | MoveSigned
  | Swap
  | Load
  | Store
  | Atomic
  | Load64
  | PacketLoad
  | { readonly kind: "jump"; readonly target: number; readonly long: boolean }
  | Branch
  | Call
  | { readonly kind: "exit" };

/** `dst op= src`, on 64 bits if `wide`, otherwise on 32 with a result that is zero-extended. */
export interface Alu {
  readonly kind: "alu";
  readonly op: AluName;
  readonly wide: boolean;
  readonly dst: number;
  /** A register, or `IMMEDIATE`. */
  readonly src: number;
  readonly imm: number;
}

/** A move that extends the sign (RFC 9669 §4.1). */
export interface MoveSigned {
  readonly kind: "movsx";
  readonly wide: boolean;
  readonly bits: 8 | 16 | 32;
  readonly dst: number;
  readonly src: number;
}

/** Byte order: to little or to big endian, which truncates, or an unconditional swap. */
export interface Swap {
  readonly kind: "swap";
  readonly to: "le" | "be" | "swap";
  readonly bits: 16 | 32 | 64;
  readonly dst: number;
}

/** A load from memory. */
export interface Load {
  readonly kind: "load";
  readonly size: Size;
  readonly signed: boolean;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
}

/** A store to memory. */
export interface Store {
  readonly kind: "store";
  readonly size: Size;
  readonly dst: number;
  readonly offset: number;
  readonly src: number;
  readonly imm: number;
}

/** An atomic operation. */
export interface Atomic {
  readonly kind: "atomic";
  readonly op: AtomicName;
  readonly size: 4 | 8;
  /** True if the old value goes to `src` (for cmpxchg, to r0). */
  readonly fetch: boolean;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
}

/** A load of a constant of 64 bits, or of an address. */
export interface Load64 {
  readonly kind: "load64";
  readonly dst: number;
  /** One of `IMMEDIATE_64`. */
  readonly type: number;
  readonly low: number;
  readonly high: number;
}

/** The deprecated access to a packet, in network byte order (RFC 9669 §5.5). */
export interface PacketLoad {
  readonly kind: "packet";
  readonly size: 1 | 2 | 4;
  readonly src: number;
  readonly imm: number;
}

/** A conditional jump. */
export interface Branch {
  readonly kind: "branch";
  readonly op: Condition;
  readonly wide: boolean;
  readonly dst: number;
  readonly src: number;
  readonly imm: number;
  readonly target: number;
}

/** A call of a helper or of a function. */
export interface Call {
  readonly kind: "call";
  /** A helper by its number, a function of this program, a kernel function by its BTF id, or the helper in a register. */
  readonly type: "helper" | "local" | "kernel" | "register";
  /** The number of the helper (unsigned), the index of the function's first instruction, or the register. */
  readonly target: number;
}

/** The register that holds the frame pointer. */
export const FRAME_POINTER = 10;
/** The number of registers. */
export const REGISTERS = 11;

/** The registers that an operation reads and writes, for analyses. */
export function registersRead(operation: Operation): readonly number[] {
  switch (operation.kind) {
    case "alu": {
      const { op, dst, src } = operation;
      if (op === "mov") return src === IMMEDIATE ? [] : [src];
      return src === IMMEDIATE ? [dst] : [dst, src];
    }
    case "neg":
    case "swap":
      return [operation.dst];
    case "movsx":
    case "load":
      return [operation.src];
    case "store":
    case "branch":
      return operation.src === IMMEDIATE ? [operation.dst] : [operation.dst, operation.src];
    case "atomic":
      return operation.op === "cmpxchg" ? [0, operation.dst, operation.src] : [operation.dst, operation.src];
    case "packet":
      return operation.src === IMMEDIATE ? [6] : [6, operation.src];
    case "call":
      return operation.type === "register" ? [1, 2, 3, 4, 5, operation.target] : [1, 2, 3, 4, 5];
    case "exit":
      return [0];
    case "load64":
    case "jump":
      return [];
  }
}

/** The registers that an operation changes. */
export function registersWritten(operation: Operation): readonly number[] {
  switch (operation.kind) {
    case "alu":
    case "neg":
    case "swap":
    case "movsx":
    case "load":
    case "load64":
      return [operation.dst];
    case "atomic":
      if (!operation.fetch) return [];
      return operation.op === "cmpxchg" ? [0] : [operation.src];
    case "packet":
    case "call":
      return [0, 1, 2, 3, 4, 5];
    case "store":
    case "branch":
    case "exit":
    case "jump":
      return [];
  }
}
