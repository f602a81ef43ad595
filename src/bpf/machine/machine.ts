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
import { type BpfMap, createMap, ERRNO, type MapDefinition, ReferenceArray } from "../maps/index.ts";
import { ARGUMENTS, Arena, CPU, FRAME_BYTES, MAX_FRAMES, MAX_TAIL_CALLS, RESULT, TAIL_CALLS } from "../memory/index.ts";
import type { ProgramType } from "../program-types/index.ts";
import { linkCode } from "./link.ts";
import { PacketBuffer } from "./packet-buffer.ts";
import { type ProgramSource, type RunInput, RunResult, type Selection, withLine } from "./program.ts";

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
const STACK_BYTES = FRAME_BYTES * MAX_FRAMES;
const CONTEXT_BYTES = 256;

/** What the machine keeps of a program. */
export interface LoadedProgram extends ProgramSource {
  readonly linked: Code;
  /** Its place in the machine, which is what a program array holds. */
  readonly index: number;
}

export class Machine implements Runtime, HelperServices {
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
  #selection: Selection | undefined;

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
    const map = createMap(definition, this.maps.length, {
      arena: this.arena,
      cpus: this.cpus,
      seed: this.#rng.uint32(),
    });
    this.maps.push(map);
    this.#mapsByAddress.set(map.address, map);
    this.#declareRegions();
    return map;
  }

  /** The map with this name; undefined if there is none. */
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
    const program = { ...source, linked, index: this.#programs.length };
    this.#programs.push(program);
    return program;
  }

  /** Runs a program. */
  run(program: LoadedProgram, input: RunInput = {}): RunResult {
    const { trace, budget = DEFAULT_BUDGET } = input;
    const length = this.#prepare(program.type, input);
    this.#running = program;
    const isRaw = program.type.contextSize === 0;
    try {
      this.arena.bytes.fill(0, this.#stack, this.#stack + STACK_BYTES);
      this.#interpreter.run(program.linked, {
        context: isRaw ? (length === 0 ? 0 : this.packet.start) : this.#context,
        length: isRaw ? length : 0,
        stack: this.#stack,
        budget,
        trace: trace && ((pc, registers) => trace(pc, (index) => registers.value(index))),
      });
    } catch (error) {
      throw withLine(error, this.#running.lineAt);
    }
    const { words } = this.#interpreter.registers;
    return new RunResult(words[0]!, words[1]!, "interp", this.#selection, () => this.packet.take());
  }

  /** Fills in the context. Returns the length of the packet. */
  #prepare(type: ProgramType, { packet = EMPTY, context, cpu = 0 }: RunInput): number {
    const { view, bytes } = this.arena;
    this.#selection = undefined;
    view.setUint32(CPU, cpu % this.cpus, true);
    view.setUint32(TAIL_CALLS, 0, true);
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
