/** The assembler: lines of either syntax, also mixed, with labels and comments. */

import { BpfError } from "../../errors.ts";
import { encode } from "../encoding.ts";
import type { Operation } from "../operation.ts";
import { parseMnemonic } from "./mnemonics.ts";
import { parsePseudoC } from "./pseudo-c.ts";
import { LineError, type Statement } from "./tokens.ts";

interface Placed extends Statement {
  readonly pc: number;
  readonly line: number;
}

/**
 * The operations of a program in text. Lines are instructions or labels (`name:`); `#`, `//` and `;` begin comments. The
 * first `exit` is also the label `exit`. Throws a `BpfError` with the code SYNTAX that names the line.
 */
export function assemble(text: string): readonly Operation[] {
  const labels = new Map<string, number>();
  const statements: Placed[] = [];
  let pc = 0;
  let firstExit: number | undefined;
  text.split("\n").forEach((raw, index) => {
    const line = index + 1;
    let rest = raw.replace(/(?:#|\/\/|;).*$/, "").trim();
    const label = /^([A-Za-z_.$][\w.$]*)\s*:\s*/.exec(rest);
    if (label !== null) {
      if (labels.has(label[1]!)) throw syntaxError(line, `Duplicate label: ${label[1]}`);
      labels.set(label[1]!, pc);
      rest = rest.slice(label[0].length);
    }
    if (rest === "") return;
    const statement = parseLine(rest, pc, line);
    statements.push({ ...statement, pc, line });
    if (statement.operation.kind === "exit") firstExit ??= pc;
    pc += statement.operation.kind === "load64" ? 2 : 1;
  });
  if (firstExit !== undefined && !labels.has("exit")) labels.set("exit", firstExit);
  return statements.map((statement) => link(statement, labels));
}

function parseLine(text: string, pc: number, line: number): Statement {
  try {
    return parsePseudoC(text, pc) ?? parseMnemonic(text, pc);
  } catch (error) {
    if (error instanceof LineError) throw syntaxError(line, error.message);
    throw error;
  }
}

function link({ operation, label, pc, line }: Placed, labels: ReadonlyMap<string, number>): Operation {
  let linked = operation;
  if (label !== undefined) {
    const target = labels.get(label);
    if (target === undefined) throw syntaxError(line, `Invalid label: ${label}`);
    linked = { ...operation, target } as Operation;
  }
  // A far target does not fit in 16 bits.
  const { offset } = encode(linked, pc)[0]!;
  if (offset !== (offset << 16) >> 16) {
    throw syntaxError(line, `Offset out of 16-bit range: a jump over ${offset} instructions; use gotol`);
  }
  return linked;
}

const syntaxError = (line: number, reason: string): BpfError => new BpfError("SYNTAX", `line ${line}: ${reason}`);
