/**
 * A machine: one memory with maps, the helpers, and the programs that use them. It has no clock and no chance of its own;
 * the host passes both.
 */

import type { Rng } from "../../base/rng.ts";
import { SeededRng } from "../../base/rng.ts";
import { BpfError } from "../errors.ts";
import { HELPERS, type Helper, HelperCall, type HelperServices } from "../helpers/index.ts";
import { Interpreter, type Runtime, type TailTarget } from "../interpreter/index.ts";
import type { Code } from "../isa/index.ts";
import { type CompiledProgram, compileProgram, type JitHost } from "../jit/index.ts";
import { type BpfMap, createMap, ERRNO, type MapDefinition, ReferenceArray } from "../maps/index.ts";
import { ARGUMENTS, Arena, CPU, FRAME_BYTES, MAX_FRAMES, MAX_TAIL_CALLS, RESULT, TAIL_CALLS } from "../memory/index.ts";
import type { ProgramType } from "../program-types/index.ts";
import { type VerifierReport, verify } from "../verifier/index.ts";
import { linkCode } from "./link.ts";
import { PacketBuffer } from "./packet-buffer.ts";
import { type EngineName, type ProgramSource, type RunInput, RunResult, type Selection, withLine } from "./program.ts";

/** The processors, memory, clock and helpers of a machine. */
export interface MachineOptions {
  /** Additional helpers, which replace built-in ones of the same number. */
  readonly helpers?: readonly Helper[] | undefined;
  /** Virtual processors, 1 by default: values in per-CPU maps. */
  readonly cpus?: number | undefined;
  /** The most memory, in bytes; 256 MiB by default. */
  readonly memoryLimit?: number | undefined;
  /** The longest packet, in bytes; 65,536 by default. */
  readonly maxPacket?: number | undefined;
  /** Nanoseconds; without it, time stands still. */
  readonly now?: (() => bigint) | undefined;
  /** Seeds hash functions and get_prandom_u32; a fixed seed without it. */
  readonly rng?: Rng | undefined;
  /** Takes the lines of trace_printk. */
  readonly log?: ((text: string) => void) | undefined;
}

const DEFAULT_BUDGET = 10_000_000;
const RUNS_BEFORE_COMPILING = 100;
const STACK_BYTES = FRAME_BYTES * MAX_FRAMES;
const CONTEXT_BYTES = 256;

/** What a proof may count on, and how long it may take. */
export interface VerifyOptions {
  /** Bytes of memory that a raw program will get, at least. */
  readonly memory?: number | undefined;
  /** The most instructions to follow, over all paths. */
  readonly budget?: number | undefined;
}

/** What the machine keeps of a program. */
export interface LoadedProgram extends ProgramSource {
  readonly linked: Code;
  /** Its place in the machine, which is what a program array holds. */
  readonly index: number;
  /** What the verifier proved, if it was asked. Without it, engines check every access. */
  proof: Proof | undefined;
  /** How often it ran without a choice of the engine. */
  runs: number;
  /** Its modules of WebAssembly, once there are any: without checks (true) and with them. */
  readonly compiled: Map<boolean, CompiledProgram>;
}

/** That the verifier accepted a program, and for what memory. */
export interface Proof {
  readonly report: VerifierReport;
  /** Bytes of memory that a raw program counts on. */
  readonly memory: number;
}

export class Machine implements Runtime, HelperServices, JitHost {
  readonly arena: Arena;
  readonly packet: PacketBuffer;
  readonly maps: BpfMap[] = [];
  readonly cpus: number;
  readonly helpers: ReadonlyMap<number, Helper>;
  readonly #stack: number;
  readonly #context: number;
  readonly #rng: Rng;
  readonly #now: () => bigint;
  readonly #log: (text: string) => void;
  readonly #programs: LoadedProgram[] = [];
  readonly #mapsByAddress = new Map<number, BpfMap>();
  readonly #calls = new Map<number, HelperCall>();
  readonly #interpreter: Interpreter;
  #running: LoadedProgram | undefined;
  /** True if a program of this run has no proof: those that it tail-calls cannot count on their context either. */
  #isChecked = false;
  #selection: Selection | undefined;
  #budget = DEFAULT_BUDGET;

  constructor(options: MachineOptions = {}) {
    const { cpus = 1, memoryLimit, maxPacket = 65_536, now, rng = new SeededRng(1), log } = options;
    this.arena = new Arena(memoryLimit === undefined ? {} : { limit: memoryLimit });
    this.cpus = cpus;
    this.helpers = new Map([...HELPERS, ...(options.helpers ?? [])].map((helper) => [helper.id, helper]));
    this.#rng = rng;
    this.#now = now ?? (() => 0n);
    this.#log = log ?? (() => {});
    this.#stack = this.arena.allocate(STACK_BYTES);
    this.#context = this.arena.allocate(CONTEXT_BYTES);
    this.packet = new PacketBuffer(this.arena, maxPacket);
    this.#declareRegions();
    this.#interpreter = new Interpreter(this);
  }

  #declareRegions(): void {
    this.arena.setRegions([
      { start: this.#stack, end: this.#stack + STACK_BYTES, writable: true },
      { start: this.#context, end: this.#context + CONTEXT_BYTES, writable: true },
      { start: 0, end: 0, writable: false },
      ...this.maps.flatMap(({ regions }) => regions),
    ]);
  }

  /** Makes a map. */
  addMap(definition: MapDefinition): BpfMap {
    // A copy, so that each map has a definition of its own, by which a proof names it.
    const map = createMap({ ...definition }, this.maps.length, {
      arena: this.arena,
      cpus: this.cpus,
      seed: this.#rng.uint32(),
    });
    this.maps.push(map);
    this.#mapsByAddress.set(map.address, map);
    this.#declareRegions();
    return map;
  }

  /** The map with this name. Throws a `BpfError` if there is none. */
  map(name: string): BpfMap {
    const map = this.maps.find(({ definition }) => definition.name === name);
    if (map === undefined) throw new BpfError("MAP", `there is no map ${name}`);
    return map;
  }

  /** The map at an address; undefined if there is none. */
  mapAt(address: number): BpfMap | undefined {
    return this.#mapsByAddress.get(address);
  }

  /** Loads a program. Throws a `BpfError` if it cannot be used. */
  load(source: ProgramSource): LoadedProgram {
    const linked = linkCode(source.code, this.maps, this.arena);
    const index = this.#programs.length;
    const program: LoadedProgram = { ...source, linked, index, proof: undefined, runs: 0, compiled: new Map() };
    this.#programs.push(program);
    return program;
  }

  /**
   * Proves that a program is safe, so that it may run without checks. A raw one is proved for `memory` bytes, and must get
   * at least as many. Throws a `BpfError` with the code UNSAFE.
   */
  verify(program: LoadedProgram, { memory = 0, budget }: VerifyOptions = {}): VerifierReport {
    const { code, type, lineAt } = program;
    const maps = this.maps.map(({ definition }) => definition);
    const report = verify({ code, type, maps, helpers: this.helpers, memory, budget, lineAt });
    program.proof = { report, memory };
    return report;
  }

  /** Runs a program. Throws a `BpfError` for a fault. */
  run(program: LoadedProgram, input: RunInput = {}): RunResult {
    const engine = this.#engineFor(program, input);
    const length = this.#prepare(program.type, input);
    this.#begin(program);
    this.#budget = input.budget ?? DEFAULT_BUDGET;
    if (program.proof === undefined) this.arena.bytes.fill(0, this.#stack, this.#stack + STACK_BYTES);
    else if (length < program.proof.memory) {
      throw new BpfError("MEMORY", `${length} bytes of memory; the program was proved for ${program.proof.memory}`);
    }
    const isRaw = program.type.contextSize === 0;
    const context = isRaw ? (length === 0 ? 0 : this.packet.start) : this.#context;
    const { repeat = 1 } = input;
    try {
      for (let i = 0; i < repeat; i += 1) {
        if (i > 0) this.#begin(program);
        if (engine === "jit") this.#runCompiled(program, context, isRaw ? length : 0, this.#stack + FRAME_BYTES);
        else this.#interpret(program, context, isRaw ? length : 0, input);
      }
    } catch (error) {
      throw withLine(error, (this.#running ?? program).lineAt);
    }
    const { view } = this.arena;
    const [low, high] = [view.getInt32(RESULT, true), view.getInt32(RESULT + 4, true)];
    return new RunResult(low, high, engine, this.#selection, () => this.packet.take());
  }

  #begin(program: LoadedProgram): void {
    this.#running = program;
    this.#isChecked = program.proof === undefined;
    this.#selection = undefined;
    this.arena.view.setUint32(TAIL_CALLS, 0, true);
  }

  /**
   * Programs are interpreted at first and compiled when they run often, since compiling costs as much as a thousand short
   * runs; those that were compiled before run so at once. Without a proof they stay with the interpreter, whose faults say
   * more.
   */
  #engineFor(program: LoadedProgram, { engine, trace, repeat = 1 }: RunInput): EngineName {
    if (trace !== undefined) return "interp";
    if (engine !== undefined) return engine;
    program.runs += repeat;
    const isWorthIt = program.compiled.has(true) || program.runs > RUNS_BEFORE_COMPILING;
    return program.proof !== undefined && isWorthIt ? "jit" : "interp";
  }

  #interpret(program: LoadedProgram, context: number, length: number, { trace }: RunInput): void {
    this.#interpreter.run(program.linked, {
      context,
      length,
      stack: this.#stack,
      budget: this.#budget,
      trace: trace && ((pc, registers) => trace(pc, (index) => registers.value(index))),
    });
    const { words } = this.#interpreter.registers;
    this.arena.view.setInt32(RESULT, words[0]!, true);
    this.arena.view.setInt32(RESULT + 4, words[1]!, true);
  }

  #runCompiled(program: LoadedProgram, context: number, length: number, framePointer: number): void {
    const compiled = this.#compiled(program, program.proof !== undefined && !this.#isChecked);
    compiled.run(context, length, framePointer, this.#stack + STACK_BYTES, this.#budget);
  }

  /** Compiles a program now instead of after some runs. Later calls return the same. */
  compile(program: LoadedProgram): CompiledProgram {
    return this.#compiled(program, program.proof !== undefined);
  }

  #compiled(program: LoadedProgram, isProved: boolean): CompiledProgram {
    const known = program.compiled.get(isProved);
    if (known !== undefined) return known;
    const maps = new Map<number, BpfMap>();
    for (const [pc, definition] of program.proof?.report.maps ?? []) {
      const map = this.maps.find((each) => each.definition === definition);
      if (map !== undefined) maps.set(pc, map);
    }
    const compiled = compileProgram({ code: program.linked, isProved, maps }, this);
    program.compiled.set(isProved, compiled);
    return compiled;
  }

  /** Runs the program that a tail call leads to, compiled. Returns 1 if there was one. */
  runTailCall(framePointer: number): number {
    if (this.resolveTailCall() === undefined) return 0;
    const context = this.arena.view.getUint32(ARGUMENTS, true);
    this.#isChecked ||= this.#running!.proof === undefined;
    this.#runCompiled(this.#running!, context, 0, framePointer);
    return 1;
  }

  /** Fills in the context. Returns the length of the packet. */
  #prepare(type: ProgramType, { packet = EMPTY, context, cpu = 0 }: RunInput): number {
    const { view, bytes } = this.arena;
    view.setUint32(CPU, cpu % this.cpus, true);
    if (type.contextSize > 0) {
      bytes.fill(0, this.#context, this.#context + type.contextSize);
      for (const { name, offset } of type.fields) {
        const value = context?.[name] ?? (name === "len" ? packet.length : undefined);
        if (value !== undefined) view.setUint32(this.#context + offset, value, true);
      }
    }
    this.packet.place(packet, type, this.#context);
    return packet.length;
  }

  callHelper(id: number, pc: number): void {
    let call = this.#calls.get(id);
    const helper = this.helpers.get(id);
    if (helper === undefined) throw new BpfError("HELPER", `there is no helper ${id}`, { pc });
    if (call === undefined) this.#calls.set(id, (call = new HelperCall(this, helper.name)));
    let result: number;
    try {
      result = helper.run(call);
    } catch (error) {
      if (!(error instanceof BpfError) || error.pc !== undefined) throw error;
      throw new BpfError(error.code, error.message, { pc });
    }
    const wide = call.takeResult();
    const { view } = this.arena;
    view.setInt32(RESULT, wide?.[0] ?? result, true);
    view.setInt32(RESULT + 4, wide?.[1] ?? Math.floor(result / 0x1_0000_0000), true);
  }

  resolveTailCall(): TailTarget | undefined {
    const { view } = this.arena;
    const map = this.mapAt(view.getUint32(ARGUMENTS + 8, true));
    const index = view.getUint32(ARGUMENTS + 16, true);
    const count = view.getUint32(TAIL_CALLS, true);
    const target =
      map instanceof ReferenceArray && count < MAX_TAIL_CALLS ? this.#programs[map.reference(index) ?? -1] : undefined;
    if (target === undefined || target.type !== this.#running?.type) {
      view.setInt32(RESULT, ERRNO.ENOENT, true);
      view.setInt32(RESULT + 4, -1, true);
      return undefined;
    }
    view.setUint32(TAIL_CALLS, count + 1, true);
    this.#running = target;
    return { code: target.linked };
  }

  now(): bigint {
    return this.#now();
  }

  random(): number {
    return this.#rng.uint32();
  }

  /** The number of the processor that the program runs on. */
  cpu(): number {
    return this.arena.view.getUint32(CPU, true);
  }

  /** Writes a line of the program's log. */
  log(text: string): void {
    this.#log(text);
  }

  select(map: BpfMap | undefined, value: number): void {
    this.#selection = { map, value };
  }
}

const EMPTY = new Uint8Array(0);
