/**
 * Control flow as WebAssembly has it: nested blocks and loops. A reducible graph is written by its dominator tree, after
 * Ramsey, "Beyond Relooper" (2022); any other becomes a loop around a table of blocks.
 */

import type { FlowGraph } from "./flow-graph.ts";
import { I32, type Sink, VOID, Wasm } from "./wasm.ts";

/** Writes a block without the jump at its end; before a branch, leaves the condition (i32) on the stack. */
export type WriteBlock = (block: number) => void;

/** Deeper trees would need too many nested calls here. */
const MAX_DEPTH = 1500;

/** `state` is an i32 local for the table of blocks. */
export function writeStructure(sink: Sink, graph: FlowGraph, writeBlock: WriteBlock, state: number): void {
  if (graph.isReducible && depthOf(graph) < MAX_DEPTH) new TreeWriter(sink, graph, writeBlock).write(0);
  else writeTable(sink, graph, writeBlock, state);
  // Every path has returned.
  sink.byte(Wasm.unreachable);
}

function depthOf({ dominators }: FlowGraph): number {
  const depths: number[] = [];
  let deepest = 0;
  dominators.forEach((over, block) => {
    depths[block] = block === 0 ? 0 : depths[over]! + 1;
    deepest = Math.max(deepest, depths[block]!);
  });
  return deepest;
}

class TreeWriter {
  readonly #sink: Sink;
  readonly #graph: FlowGraph;
  readonly #writeBlock: WriteBlock;
  /** Merge blocks that follow their dominator, in descending order. */
  readonly #following: readonly number[][];
  /** What surrounds the current place: the block that a label leads to, or -1 for an if. */
  readonly #labels: number[] = [];

  constructor(sink: Sink, graph: FlowGraph, writeBlock: WriteBlock) {
    this.#sink = sink;
    this.#graph = graph;
    this.#writeBlock = writeBlock;
    this.#following = graph.blocks.map(() => []);
    for (let block = graph.blocks.length - 1; block > 0; block -= 1) {
      if (graph.merges.has(block)) this.#following[graph.dominators[block]!]!.push(block);
    }
  }

  write(block: number): void {
    const isHeader = this.#graph.headers.has(block);
    if (isHeader) this.#open(Wasm.loop, block);
    const following = this.#following[block]!;
    for (const next of following) this.#open(Wasm.block, next);
    this.#writeBody(block);
    for (const next of following.toReversed()) {
      this.#close();
      this.write(next);
    }
    if (isHeader) this.#close();
  }

  #open(opcode: number, label: number): void {
    this.#sink.byte(opcode, VOID);
    this.#labels.push(label);
  }

  #close(): void {
    this.#sink.byte(Wasm.end);
    this.#labels.pop();
  }

  #writeBody(block: number): void {
    const [next, target] = this.#graph.blocks[block]!.next;
    this.#writeBlock(block);
    if (next === undefined) return;
    if (target === undefined) {
      this.#leave(block, next);
      return;
    }
    this.#open(Wasm.if, -1);
    this.#leave(block, target);
    this.#sink.byte(Wasm.else);
    this.#leave(block, next);
    this.#close();
  }

  #leave(from: number, to: number): void {
    if (to > from && !this.#graph.merges.has(to)) this.write(to);
    else this.#sink.byte(Wasm.br).unsigned(this.#labels.length - 1 - this.#labels.lastIndexOf(to));
  }
}

function writeTable(sink: Sink, { blocks }: FlowGraph, writeBlock: WriteBlock, state: number): void {
  sink.i32(0).set(state).byte(Wasm.loop, VOID);
  for (let i = 0; i < blocks.length; i += 1) sink.byte(Wasm.block, VOID);
  sink
    .get(state)
    .byte(Wasm.brTable)
    .unsigned(blocks.length - 1);
  for (let i = 0; i < blocks.length; i += 1) sink.unsigned(i);
  blocks.forEach(({ next: [next, target] }, block) => {
    sink.byte(Wasm.end);
    writeBlock(block);
    if (next === undefined) return;
    if (target === undefined) sink.i32(next);
    else sink.byte(Wasm.if, I32).i32(target).byte(Wasm.else).i32(next).byte(Wasm.end);
    // Out of the blocks that are still open, back to the loop.
    sink
      .set(state)
      .byte(Wasm.br)
      .unsigned(blocks.length - 1 - block);
  });
  sink.byte(Wasm.end);
}
