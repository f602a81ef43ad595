/** A program's code: decoded once, with every jump checked to lead to an instruction. */

import { BpfError } from "../errors.ts";
import { decode, encode, readFields, writeFields } from "./encoding.ts";
import type { Operation } from "./operation.ts";

/** The kernel's limit for privileged programs. */
export const MAX_INSTRUCTIONS = 1_000_000;

/** Indexed by slots of eight bytes: the second half of a 64-bit immediate is undefined. */
export type Code = readonly (Operation | undefined)[];

/** Throws a `BpfError` for code that no engine may run. */
export function parseCode(bytes: Uint8Array, { bigEndian = false } = {}): Code {
  if (bytes.length === 0) throw new BpfError("INSTRUCTION", "the program is empty");
  if (bytes.length % 8 !== 0)
    throw new BpfError("INSTRUCTION", `the program has ${bytes.length} bytes, which is no multiple of 8`);
  const count = bytes.length / 8;
  if (count > MAX_INSTRUCTIONS) {
    throw new BpfError("INSTRUCTION", `the program has ${count} instructions; at most ${MAX_INSTRUCTIONS} are allowed`);
  }
  const code: (Operation | undefined)[] = [];
  while (code.length < count) {
    const pc = code.length;
    const next = pc + 1 < count ? readFields(bytes, pc + 1, bigEndian) : undefined;
    const operation = decode(readFields(bytes, pc, bigEndian), pc, next);
    code.push(operation);
    if (operation.kind === "load64") code.push(undefined);
  }
  checkTargets(code);
  return code;
}

/** Little-endian. */
export function encodeCode(operations: readonly Operation[]): Uint8Array<ArrayBuffer> {
  const length = operations.reduce((sum, { kind }) => sum + (kind === "load64" ? 16 : 8), 0);
  const bytes = new Uint8Array(length);
  let pc = 0;
  for (const operation of operations) {
    for (const fields of encode(operation, pc)) writeFields(bytes, pc++, fields);
  }
  return bytes;
}

/** Throws a `BpfError` if a jump leads out of the code, or if its end is not the end of a path. */
export function checkTargets(code: Code): void {
  code.forEach((operation, pc) => {
    if (operation === undefined) return;
    const isLast = pc + (operation.kind === "load64" ? 2 : 1) === code.length;
    if (isLast && operation.kind !== "exit" && operation.kind !== "jump") {
      throw new BpfError("INSTRUCTION", "the program runs past its last instruction", { pc });
    }
    if (operation.kind === "jump" || operation.kind === "branch" || isLocalCall(operation)) {
      const { target } = operation;
      if (target < 0 || target >= code.length) {
        throw new BpfError("INSTRUCTION", `a jump to ${target}, outside of the program`, { pc });
      }
      if (code[target] === undefined) {
        throw new BpfError("INSTRUCTION", `a jump to ${target}, the second half of a 64-bit immediate`, { pc });
      }
    }
  });
}

const isLocalCall = (operation: Operation): operation is Extract<Operation, { kind: "call" }> =>
  operation.kind === "call" && operation.type === "local";
