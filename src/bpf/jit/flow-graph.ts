/** A function as basic blocks, in reverse postorder, with their dominators. */

import type { Code } from "../isa/index.ts";
import { successors } from "../verifier/index.ts";

export interface Block {
  /** The first instruction. */
  readonly start: number;
  /** Past the last one. */
  readonly end: number;
  /** Places in `FlowGraph.blocks`. For a branch: where it falls through, then its target. */
  readonly next: readonly number[];
}

export interface FlowGraph {
  /** In reverse postorder: an edge to a smaller number, or to itself, goes back. The first is the entry. */
  readonly blocks: readonly Block[];
  /** The immediate dominator of each block; of the entry, itself. */
  readonly dominators: readonly number[];
  /** Blocks that an edge leads back to. */
  readonly headers: ReadonlySet<number>;
  /** Blocks that two edges reach without going back. */
  readonly merges: ReadonlySet<number>;
  /** True if each loop has one entry, so that the graph can be written as nested blocks and loops. */
  readonly isReducible: boolean;
}

export function flowGraph(code: Code, entry: number): FlowGraph {
  const raw = splitBlocks(code, entry);
  const order = reversePostorder(entry, (start) => raw.get(start)!.next);
  const place = new Map(order.map((start, index) => [start, index]));
  const blocks = order.map((start) => {
    const { end, next } = raw.get(start)!;
    return { start, end, next: next.map((each) => place.get(each)!) };
  });
  const before = blocks.map((): number[] => []);
  blocks.forEach(({ next }, from) => {
    for (const to of next) before[to]!.push(from);
  });
  const dominators = findDominators(before);
  const headers = new Set<number>();
  const merges = new Set<number>();
  let isReducible = true;
  before.forEach((froms, to) => {
    if (froms.filter((from) => from < to).length > 1) merges.add(to);
    for (const from of froms) {
      if (from < to) continue;
      headers.add(to);
      isReducible &&= dominates(dominators, to, from);
    }
  });
  return { blocks, dominators, headers, merges, isReducible };
}

function splitBlocks(code: Code, entry: number) {
  const leaders = new Set([entry]);
  const reached = new Set<number>();
  const pending = [entry];
  for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
    if (reached.has(pc)) continue;
    reached.add(pc);
    const { kind } = code[pc]!;
    for (const next of successors(code, pc)) {
      if (kind === "branch" || kind === "jump") leaders.add(next);
      pending.push(next);
    }
  }
  const blocks = new Map<number, { readonly end: number; readonly next: readonly number[] }>();
  for (const start of leaders) {
    for (let pc = start; ; ) {
      const next = successors(code, pc);
      const end = pc + (code[pc]!.kind === "load64" ? 2 : 1);
      if (next.length !== 1 || code[pc]!.kind === "jump" || leaders.has(next[0]!)) {
        blocks.set(start, { end, next });
        break;
      }
      pc = end;
    }
  }
  return blocks;
}

/** Without recursion, since programs may have many blocks. */
function reversePostorder(entry: number, next: (start: number) => readonly number[]): readonly number[] {
  const order: number[] = [];
  const seen = new Set([entry]);
  const stack = [{ start: entry, index: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const to = next(top.start)[top.index];
    top.index += 1;
    if (to === undefined) {
      order.push(top.start);
      stack.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      stack.push({ start: to, index: 0 });
    }
  }
  return order.reverse();
}

/** Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm". */
function findDominators(before: readonly (readonly number[])[]): readonly number[] {
  const dominators: number[] = before.map((_, index) => (index === 0 ? 0 : -1));
  for (let isChanged = true; isChanged; ) {
    isChanged = false;
    for (let block = 1; block < before.length; block += 1) {
      let found = -1;
      for (const from of before[block]!) {
        if (dominators[from] === -1) continue;
        found = found === -1 ? from : meet(dominators, from, found);
      }
      if (dominators[block] !== found) {
        dominators[block] = found;
        isChanged = true;
      }
    }
  }
  return dominators;
}

function meet(dominators: readonly number[], left: number, right: number): number {
  let [a, b] = [left, right];
  while (a !== b) {
    if (a > b) a = dominators[a]!;
    else b = dominators[b]!;
  }
  return a;
}

function dominates(dominators: readonly number[], over: number, block: number): boolean {
  let at = block;
  while (at > over) at = dominators[at]!;
  return at === over;
}
