// `nagare bpf asm` and `nagare bpf disasm`: programs as text and as bytes.
import { readFile, writeFile } from "node:fs/promises";
import { assemble, disassemble, encodeCode, type LoadedProgram, type Syntax } from "../../bpf/index.ts";
import { toHex } from "../../wire/hex.ts";
import { printable } from "../../wire/printable.ts";
import { usageError } from "../fail.ts";
import { type Io, write } from "../io.ts";
import { explained, openProgram, type ProgramFlags } from "./program-file.ts";

export interface DisasmFlags extends ProgramFlags {
  readonly syntax: string;
  readonly source?: false;
}

export async function disassembleFile(path: string, flags: DisasmFlags, io: Io): Promise<void> {
  if (flags.syntax !== "llvm" && flags.syntax !== "mnemonics") {
    throw usageError(`there is no syntax ${flags.syntax}`, "choose llvm or mnemonics");
  }
  const { programs, object } = await openProgram(path, flags, {});
  for (const program of programs) {
    await write(
      io.stdout,
      listing(
        program,
        flags.syntax,
        flags.source !== false,
        object?.maps.map(({ definition }) => definition.name),
      ),
    );
  }
}

/** Lines of C stand as comments above their instructions, so that the listing assembles again. */
function listing(
  { name, code, type, lineAt }: LoadedProgram,
  syntax: Syntax,
  hasSource: boolean,
  maps: readonly string[] = [],
): string {
  const lines = [`# ${printable(name)} (${type.name}), ${code.length} instructions`];
  let last = "";
  code.forEach((operation, pc) => {
    if (operation === undefined) return;
    const line = hasSource ? lineAt?.(pc) : undefined;
    const source = line === undefined ? last : printable(`# ${line.file}:${line.line}: ${line.text}`);
    if (source !== last) lines.push((last = source));
    const map =
      operation.kind === "load64" && operation.type !== 0 ? `  # ${printable(maps[operation.low] ?? "a map")}` : "";
    lines.push(`  ${disassemble(operation, pc, syntax)}${map}`);
  });
  return `${lines.join("\n")}\n`;
}

export interface AsmFlags {
  readonly output?: string;
}

export async function assembleFile(path: string, { output }: AsmFlags, io: Io): Promise<void> {
  const text = await readFile(path, "utf8");
  const bytes = explained(path, () => encodeCode(assemble(text)));
  if (output !== undefined) {
    await writeFile(output, bytes);
    return;
  }
  const lines = Array.from({ length: bytes.length / 8 }, (_, index) => toHex(bytes.subarray(index * 8, index * 8 + 8)));
  await write(io.stdout, `${lines.join("\n")}\n`);
}
