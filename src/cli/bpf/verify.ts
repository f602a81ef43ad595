// `nagare bpf verify`: proves that programs are safe, or explains why not.
import { BpfError, type LoadedProgram, type Machine } from "../../bpf/index.ts";
import { printable } from "../../wire/printable.ts";
import { EXIT, silentExit, usageError } from "../fail.ts";
import { type Io, write } from "../io.ts";
import { openProgram, type ProgramFlags } from "./program-file.ts";

export interface VerifyFlags extends ProgramFlags {
  readonly memory: string;
  readonly json?: true;
}

interface Verdict {
  readonly program: string;
  readonly isSafe: boolean;
  readonly instructions: number;
  /** Instructions followed over all paths. */
  readonly followed: number | null;
  readonly reason: string | null;
  readonly explanation: readonly string[];
}

export async function verifyPrograms(path: string, flags: VerifyFlags, io: Io): Promise<void> {
  const memory = Number(flags.memory);
  if (!Number.isInteger(memory) || memory < 0 || memory > 65_536) {
    throw usageError(`--memory must be a number of bytes up to 65536, not ${flags.memory}`);
  }
  const { machine, programs } = await openProgram(path, flags, {});
  const verdicts = programs.map((program) => judge(machine, program, memory));
  for (const verdict of verdicts) {
    await write(io.stdout, flags.json ? `${JSON.stringify(verdict)}\n` : describe(verdict));
  }
  if (verdicts.some(({ isSafe }) => !isSafe)) throw silentExit(EXIT.failed);
}

function judge(machine: Machine, program: LoadedProgram, memory: number): Verdict {
  const about = { program: program.name, instructions: program.code.length };
  try {
    const { followed } = machine.verify(program, { memory });
    return { ...about, isSafe: true, followed, reason: null, explanation: [] };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { ...about, isSafe: false, followed: null, reason: error.message, explanation: error.explanation };
  }
}

function describe({ program, isSafe, instructions, followed, reason, explanation }: Verdict): string {
  const lines = isSafe
    ? [`${program}: safe; ${instructions} instructions, ${followed} followed over all paths`]
    : [`${program}: ${reason}`, ...explanation.map((line) => `  ${line}`)];
  return `${lines.map(printable).join("\n")}\n`;
}
