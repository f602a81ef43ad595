/** A program that a machine has loaded. */

import { BpfError, type SourceLine } from "../errors.ts";
import type { Code } from "../isa/index.ts";
import type { BpfMap } from "../maps/index.ts";
import type { ProgramType } from "../program-types/index.ts";

/** The engines: the interpreter, and the compiler to WebAssembly. */
export type EngineName = "interp" | "jit";

/** What a machine is given to load. */
export interface ProgramSource {
  readonly name: string;
  readonly type: ProgramType;
  /** With maps named by their place in the machine. */
  readonly code: Code;
  /** The line of C of an instruction, if the object says so. */
  readonly lineAt?: ((pc: number) => SourceLine | undefined) | undefined;
}

/** What a program is given. */
export interface RunInput {
  /** The packet, or the memory of a raw program. */
  readonly packet?: Uint8Array | undefined;
  /** Fields of the context, by name. Length and packet pointers are filled in. */
  readonly context?: Readonly<Record<string, number>> | undefined;
  /** The engine; by default, the program chooses: interpreted at first, compiled when it runs often. */
  readonly engine?: EngineName | undefined;
  /**
   * The most instructions of a run, 10 million by default; each of `repeat` runs has its own. Compiled programs with a
   * verifier's proof have no limit; without a proof, they count from 0 after each tail call.
   */
  readonly budget?: number | undefined;
  /**
   * How many times to run it, once by default. The packet stays as the last run left it, as with the kernel's
   * BPF_PROG_TEST_RUN.
   */
  readonly repeat?: number | undefined;
  /** The virtual processor. */
  readonly cpu?: number | undefined;
  /** Called before each instruction; the interpreter runs. */
  readonly trace?: ((pc: number, register: (index: number) => bigint) => void) | undefined;
}

/** What a redirecting program chose. */
export interface Selection {
  /** Undefined for a device by its number. */
  readonly map: BpfMap | undefined;
  readonly value: number;
}

/** What a program returned. */
export class RunResult {
  /** r0 in two words, signed. */
  readonly low: number;
  readonly high: number;
  readonly engine: EngineName;
  readonly selection: Selection | undefined;
  readonly #takePacket: () => Uint8Array<ArrayBuffer>;

  constructor(
    low: number,
    high: number,
    engine: EngineName,
    selection: Selection | undefined,
    takePacket: () => Uint8Array<ArrayBuffer>,
  ) {
    this.low = low;
    this.high = high;
    this.engine = engine;
    this.selection = selection;
    this.#takePacket = takePacket;
  }

  /** r0. */
  get value(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }

  /** The packet as the program left it, a copy. Read it before the next run. */
  get packet(): Uint8Array<ArrayBuffer> {
    return this.#takePacket();
  }
}

/** Adds the line of C to an error of a run. */
export function withLine(error: unknown, lineAt: ProgramSource["lineAt"]): unknown {
  if (!(error instanceof BpfError) || error.pc === undefined || error.line !== undefined) return error;
  const line = lineAt?.(error.pc);
  if (line === undefined) return error;
  const { code, pc, explanation } = error;
  return new BpfError(code, error.message.replace(/^instruction \d+: /, ""), { pc, line, explanation });
}
