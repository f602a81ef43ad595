/** Which registers an instruction's future reads. Dead ones need not agree when two paths meet. */

import { type Code, registersRead, registersWritten } from "../isa/index.ts";

/** A bit for each register, by the index of the instruction: those whose value is read before it is replaced. */
export function liveRegisters(code: Code): Uint16Array {
  const live = new Uint16Array(code.length + 1);
  const bits = (registers: readonly number[]): number => registers.reduce((mask, each) => mask | (1 << each), 0);
  const facts = code.map((operation) => {
    if (operation === undefined) return undefined;
    const isLocal = operation.kind === "call" && operation.type === "local";
    // A packet load may end the program, which reads nothing more.
    return { reads: bits(registersRead(operation)), writes: bits(registersWritten(operation)), isLocal };
  });
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let pc = code.length - 1; pc >= 0; pc -= 1) {
      const fact = facts[pc];
      if (fact === undefined) continue;
      const after = successors(code, pc).reduce((mask, next) => mask | live[next]!, 0);
      const before = fact.reads | (after & ~fact.writes) | (1 << 10);
      if (before !== live[pc]) {
        live[pc] = before;
        isChanged = true;
      }
    }
  }
  return live;
}

/** Within a function. */
export function successors(code: Code, pc: number): readonly number[] {
  const operation = code[pc]!;
  switch (operation.kind) {
    case "exit":
      return [];
    case "jump":
      return [operation.target];
    case "branch":
      return [pc + 1, operation.target];
    case "load64":
      return [pc + 2];
    default:
      return [pc + 1];
  }
}
