/** Which registers an instruction's future reads. Dead ones need not agree when two paths meet. */

import { type Code, registersRead, registersWritten } from "../isa/index.ts";

/** A bit for each register, by the index of the instruction: those whose value is read before it is replaced. */
export function liveRegisters(code: Code): Uint16Array {
  const live = new Uint16Array(code.length + 1);
  const bits = (registers: readonly number[]): number => registers.reduce((mask, each) => mask | (1 << each), 0);
  const facts = code.map((operation) => {
    if (operation === undefined) return undefined;
    // A packet load may end the program, which reads nothing more.
    return { reads: bits(registersRead(operation)), writes: bits(registersWritten(operation)) };
  });
  const next = facts.map((fact, pc) => (fact === undefined ? [] : successors(code, pc)));
  const previous: number[][] = facts.map(() => []);
  next.forEach((list, pc) => {
    for (const each of list) previous[each]?.push(pc);
  });
  // The last instruction is on top: most of what follows is known by then.
  const waiting = facts.map((_, pc) => pc);
  const isWaiting = new Uint8Array(code.length).fill(1);
  for (let pc = waiting.pop(); pc !== undefined; pc = waiting.pop()) {
    isWaiting[pc] = 0;
    const fact = facts[pc];
    if (fact === undefined) continue;
    const after = next[pc]!.reduce((mask, each) => mask | live[each]!, 0);
    const before = fact.reads | (after & ~fact.writes) | (1 << 10);
    if (before === live[pc]) continue;
    live[pc] = before;
    for (const each of previous[pc]!) {
      if (isWaiting[each] === 1) continue;
      isWaiting[each] = 1;
      waiting.push(each);
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
