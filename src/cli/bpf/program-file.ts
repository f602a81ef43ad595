// Reads a program: an object of clang, assembly text, or bare instructions.
import { readFile } from "node:fs/promises";
import {
  assemble,
  BpfError,
  type BpfObject,
  encodeCode,
  type LoadedProgram,
  loadObject,
  Machine,
  type MachineOptions,
  PROGRAM_TYPES,
  parseBtf,
  parseCode,
  parseObject,
  programTypeOf,
} from "../../bpf/index.ts";
import { CliError, usageError } from "../fail.ts";

export interface ProgramFlags {
  /** The name of one program of an object. */
  readonly program?: string;
  /** The kind of a program that no object describes. */
  readonly type?: string;
  /** Types for CO-RE. */
  readonly btf?: string;
}

export interface OpenedFile {
  readonly machine: Machine;
  readonly object: BpfObject | undefined;
  /** At least one. */
  readonly programs: readonly LoadedProgram[];
  /** All of the file, which tail calls may lead to. */
  readonly loaded: readonly LoadedProgram[];
}

const TYPES = PROGRAM_TYPES.map(({ name }) => name).join(", ");

export async function openProgram(path: string, flags: ProgramFlags, options: MachineOptions): Promise<OpenedFile> {
  const bytes = await readFile(path);
  const targetBtf = flags.btf === undefined ? undefined : await readFile(flags.btf);
  return explained(path, () => {
    const machine = new Machine(options);
    if (bytes[0] !== 0x7f) {
      const type = programTypeOf(flags.type ?? "raw");
      if (type === undefined) throw usageError(`there is no type ${flags.type}`, `choose one of ${TYPES}`);
      const code = parseCode(path.endsWith(".bin") ? bytes : encodeCode(assemble(bytes.toString())));
      const programs = [machine.load({ name: path, type, code })];
      return { machine, object: undefined, programs, loaded: programs };
    }
    const object = parseObject(bytes, targetBtf === undefined ? {} : { targetBtf: parseBtf(targetBtf) });
    const loaded = loadObject(machine, object);
    const names = [...loaded.keys()];
    const chosen = flags.program === undefined ? [...loaded.values()] : [loaded.get(flags.program)];
    if (names.length === 0) {
      throw new CliError("BPF", `${path} has no program of a known kind`, { hint: `kinds: ${TYPES}` });
    }
    if (chosen[0] === undefined) {
      throw usageError(`${path} has no program ${flags.program}`, `it has ${names.join(", ")}`);
    }
    return { machine, object, programs: chosen as LoadedProgram[], loaded: [...loaded.values()] };
  });
}

/** Turns the room's errors into those of the command line, with the explanation. */
export function explained<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw error instanceof BpfError ? asCliError(path, error) : error;
  }
}

export function asCliError(path: string, { code, message, explanation, cause }: BpfError): CliError {
  const lines = explanation.length > 0 ? `: ${explanation.join("; ")}` : "";
  return new CliError(`BPF_${code}`, `${path}: ${message}${lines}`, { cause });
}
