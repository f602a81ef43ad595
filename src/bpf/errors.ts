/** The one error of this room: what is wrong, at which instruction, and at which line of C if the object says so. */

export type BpfErrorCode =
  /** The text does not assemble. */
  | "SYNTAX"
  /** An instruction that RFC 9669 does not define, a reserved field that is not zero, or a jump to nowhere. */
  | "INSTRUCTION"
  /** An object file that is not well-formed, or that needs something that is missing. */
  | "OBJECT"
  /** Malformed BTF. */
  | "BTF"
  /** A map with impossible sizes, or a key or value of the wrong length. */
  | "MAP"
  /** The verifier refuses the program. */
  | "UNSAFE"
  /** A memory access outside of what the program may use. */
  | "MEMORY"
  /** A call of a helper that does not exist here, or with arguments that it refuses. */
  | "HELPER"
  /** The program ran for more instructions than it may. */
  | "BUDGET"
  /** Calls are nested too deeply. */
  | "DEPTH";

/** A line of the source, from .BTF.ext. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The text of the line, if the compiler kept it. */
  readonly text: string;
}

export interface BpfErrorDetail {
  /** The index of the instruction, in units of 8 bytes. */
  readonly pc?: number | undefined;
  readonly line?: SourceLine | undefined;
  /** Lines that help a person: the registers, the path. */
  readonly explanation?: readonly string[] | undefined;
}

/** A program, an object file or an operand that cannot be used. */
export class BpfError extends Error {
  override readonly name = "BpfError";
  readonly code: BpfErrorCode;
  readonly pc: number | undefined;
  readonly line: SourceLine | undefined;
  readonly explanation: readonly string[];

  constructor(code: BpfErrorCode, reason: string, { pc, line, explanation = [] }: BpfErrorDetail = {}) {
    const where = line === undefined ? "" : `${line.file}:${line.line}: `;
    super(`${where}${pc === undefined ? "" : `instruction ${pc}: `}${reason}`);
    this.code = code;
    this.pc = pc;
    this.line = line;
    this.explanation = explanation;
  }
}
