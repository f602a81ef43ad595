/** A program as a module of WebAssembly in the machine's memory. */

import { BpfError } from "../errors.ts";
import type { Helper } from "../helpers/index.ts";
import type { Code } from "../isa/index.ts";
import type { BpfMap } from "../maps/index.ts";
import { type Arena, REGION_BYTES, REGION_COUNT, REGIONS, RESULT, webAssembly } from "../memory/index.ts";
import { type Callees, compileFunction, FAULT, GLOBAL, GLOBALS } from "./function-compiler.ts";
import { type ArrayPlace, arrayPlace, compileLookup } from "./lookups.ts";
import { type DefinedFunction, encodeModule, I32, I64, type ImportedFunction, Sink, VOID, Wasm } from "./wasm.ts";

/** What compiled programs call. */
export interface JitHost {
  readonly arena: Arena;
  readonly helpers: ReadonlyMap<number, Helper>;
  callHelper(id: number, pc: number): void;
  /** Runs another program with this frame pointer, if the call leads to one. Returns 1 if it ran; its result is in `RESULT`. */
  runTailCall(framePointer: number): number;
}

export interface JitInput {
  /** With addresses in the place of maps. */
  readonly code: Code;
  /** True if the verifier proved the program. */
  readonly isProved: boolean;
  /** The map of each call that has one. */
  readonly maps: ReadonlyMap<number, BpfMap>;
}

export interface CompiledProgram {
  /** Runs the program; returns the low half of r0, and leaves all of it in `RESULT`. Throws a `BpfError`. */
  run(context: number, length: number, framePointer: number, stackEnd: number, budget: number): number;
  /** Bytes of the module. */
  readonly size: number;
}

/** Ends the program from within a function, with the result 0. */
class EndOfProgram extends Error {}

const LOOKUP_HELPER = 1;
const IMPORTS: readonly ImportedFunction[] = [
  { name: "helper", parameters: [I32, I32], results: [] },
  { name: "tail", parameters: [I32], results: [I32] },
  { name: "fault", parameters: [I32, I32], results: [] },
  { name: "memoryFault", parameters: [I32, I32, I32, I32], results: [] },
];

export function compileProgram({ code, isProved, maps }: JitInput, host: JitHost): CompiledProgram {
  const entries = [
    ...new Set([0, ...code.flatMap((each) => (each?.kind === "call" && each.type === "local" ? [each.target] : []))]),
  ];
  const functions: DefinedFunction[] = [];
  const add = (each: DefinedFunction): number => IMPORTS.length + functions.push(each) - 1;
  const check = add(checkFunction());
  const { lookups, arrays } = compileLookups(code, maps, host.arena, add);
  // The functions follow each other, so their numbers are known before they are compiled.
  const first = IMPORTS.length + functions.length;
  const locals = new Map(entries.map((entry, index) => [entry, first + index]));
  const callees: Callees = { helper: 0, tail: 1, fault: 2, check, locals, lookups, arrays };
  const arityOf = (id: number): number => host.helpers.get(id)?.arguments.length ?? 5;
  for (const entry of entries) add(compileFunction(code, entry, { isProved, callees, arityOf }));
  add(entryFunction(first));
  const bytes = encodeModule(IMPORTS, functions, GLOBALS);
  const instance = new webAssembly.Instance(new webAssembly.Module(bytes), { env: importsOf(host) });
  const run = instance.exports.run!;
  return {
    size: bytes.length,
    run(context, length, framePointer, stackEnd, budget) {
      try {
        return run(context, length, framePointer, stackEnd, budget);
      } catch (error) {
        if (!(error instanceof EndOfProgram)) throw error;
        host.arena.view.setBigUint64(RESULT, 0n, true);
        return 0;
      }
    },
  };
}

function compileLookups(
  code: Code,
  maps: ReadonlyMap<number, BpfMap>,
  arena: Arena,
  add: (each: DefinedFunction) => number,
): Pick<Callees, "lookups" | "arrays"> {
  const arrays = new Map<number, ArrayPlace>();
  const numbers = new Map<BpfMap, number | undefined>();
  const calls = new Map<number, number>();
  for (const [pc, map] of maps) {
    const operation = code[pc];
    if (operation?.kind !== "call" || operation.type !== "helper" || operation.target !== LOOKUP_HELPER) continue;
    const array = arrayPlace(map, arena);
    if (array !== undefined) {
      arrays.set(pc, array);
      continue;
    }
    if (!numbers.has(map)) {
      const compiled = compileLookup(map, arena);
      numbers.set(map, compiled && add(compiled));
    }
    const number = numbers.get(map);
    if (number !== undefined) calls.set(pc, number);
  }
  return { lookups: calls, arrays };
}

/** (context, length, frame pointer, end of the stack, budget) → low half of the result */
function entryFunction(main: number): DefinedFunction {
  const sink = new Sink();
  sink.get(3).byte(Wasm.globalSet, GLOBAL.stackEnd).get(4).byte(Wasm.globalSet, GLOBAL.fuel);
  sink.i32(0);
  sink.get(0).byte(Wasm.i64ExtendI32U).get(1).byte(Wasm.i64ExtendI32U).i64(0n).i64(0n).i64(0n);
  sink.get(2).byte(Wasm.i64ExtendI32U).call(main).memory(Wasm.i64Store, RESULT);
  sink.i32(0).memory(Wasm.i32Load, RESULT);
  return { parameters: [I32, I32, I32, I32, I32], results: [I32], locals: [], body: sink.take(), exportName: "run" };
}

/** (address, size, 1 if written, pc) → the address, if one region has all bytes. */
function checkFunction(): DefinedFunction {
  const [ADDRESS, SIZE, WRITTEN, PC, AT, END] = [0, 1, 2, 3, 4, 5];
  const sink = new Sink();
  sink.i32(REGIONS).set(AT!);
  sink
    .i32(0)
    .memory(Wasm.i32Load, REGION_COUNT)
    .i32(REGION_BYTES)
    .byte(Wasm.i32Mul)
    .i32(REGIONS)
    .byte(Wasm.i32Add)
    .set(END!);
  sink.byte(Wasm.block, VOID, Wasm.loop, VOID);
  sink.get(AT!).get(END!).byte(Wasm.i32GeU, Wasm.brIf, 1);
  sink.get(ADDRESS!).get(AT!).memory(Wasm.i64Load32U, 0).byte(Wasm.i64GeU);
  sink.get(ADDRESS!).get(SIZE!).byte(Wasm.i64ExtendI32U, Wasm.i64Add).get(AT!).memory(Wasm.i64Load32U, 4);
  sink.byte(Wasm.i64LeU, Wasm.i32And);
  sink.get(ADDRESS!).i64(0xffff_ffffn).byte(Wasm.i64LeU, Wasm.i32And);
  sink.get(AT!).memory(Wasm.i32Load, 8).get(WRITTEN!).byte(Wasm.i32Eqz, Wasm.i32Or, Wasm.i32And);
  sink.byte(Wasm.if, VOID).get(ADDRESS!).byte(Wasm.i32WrapI64, Wasm.return, Wasm.end);
  sink.get(AT!).i32(REGION_BYTES).byte(Wasm.i32Add).set(AT!).byte(Wasm.br, 0, Wasm.end, Wasm.end);
  // The address in two halves, so that no BigInt is needed.
  sink.get(ADDRESS!).byte(Wasm.i32WrapI64).get(ADDRESS!).i64(32n).byte(Wasm.i64ShrU, Wasm.i32WrapI64);
  sink.get(SIZE!).get(PC!).call(3).byte(Wasm.unreachable);
  return { parameters: [I64, I32, I32, I32], results: [I32], locals: [[2, I32]], body: sink.take() };
}

const importsOf = (host: JitHost) => ({
  memory: host.arena.memory,
  helper: (id: number, pc: number): void => host.callHelper(id, pc),
  tail: (framePointer: number): number => host.runTailCall(framePointer),
  fault(kind: number, pc: number): void {
    if (kind === FAULT.end) throw new EndOfProgram();
    if (kind === FAULT.budget) throw new BpfError("BUDGET", "the program ran more instructions than it may", { pc });
    if (kind === FAULT.depth) throw new BpfError("DEPTH", "calls are nested too deeply", { pc });
    throw new BpfError("HELPER", "there is no such kernel function", { pc });
  },
  memoryFault(low: number, high: number, size: number, pc: number): void {
    const address = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    throw new BpfError("MEMORY", `accesses ${size} bytes at 0x${address.toString(16)}, outside of its memory`, { pc });
  },
});
