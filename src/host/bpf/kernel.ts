/**
 * The Linux kernel as an engine: loads a program of a machine with its maps through bpf(2), and runs it on packets by
 * BPF_PROG_TEST_RUN. It attaches nothing. Maps are copies: their contents go to the kernel when the program is loaded.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import {
  BpfError,
  encodeCode,
  IMMEDIATE_64,
  type LoadedProgram,
  MAP_TYPES,
  type Machine,
  type Operation,
} from "../../bpf/index.ts";
import { BpfSyscall, COMMAND } from "./syscall.ts";

const LOG_BYTES = 1 << 20;
const MAX_PACKET = 1 << 16;
const EPERM = 1;
/** BPF_F_NO_PREALLOC, which tries require. */
const NO_PREALLOC = 1;

export interface KernelResult {
  /** The low half of r0, unsigned. */
  readonly result: number;
  readonly packet: Uint8Array;
  /** Nanoseconds for each run, as the kernel measured them. */
  readonly nanoseconds: number;
}

/** Thrown if the kernel refuses a program. */
export class KernelRefusal extends BpfError {
  /** The kernel verifier's own words. */
  readonly log: string;

  constructor(errno: number, log: string) {
    const lines = log.trim().split("\n");
    const reason = lines.filter((line) => !line.startsWith("processed ")).at(-1) ?? "";
    super("UNSAFE", `the kernel refuses the program (error ${errno})${reason === "" ? "" : `: ${reason}`}`);
    this.log = log;
  }
}

export class KernelEngine {
  readonly #syscall: BpfSyscall;
  readonly #koffi: ForeignFunctions;
  readonly #log: ForeignMemory;
  readonly #input: ForeignMemory;
  readonly #output: ForeignMemory;

  constructor(koffi: ForeignFunctions) {
    this.#koffi = koffi;
    this.#syscall = new BpfSyscall(koffi);
    this.#log = new ForeignMemory(koffi, LOG_BYTES);
    this.#input = new ForeignMemory(koffi, MAX_PACKET);
    this.#output = new ForeignMemory(koffi, MAX_PACKET);
  }

  /** Throws a `KernelRefusal`, or a `BpfError` if bpf(2) is not permitted. `others` are the programs of program arrays. */
  load(machine: Machine, program: LoadedProgram, others: readonly LoadedProgram[] = []): KernelProgram {
    const maps = new Map<number, number>();
    const programs: number[] = [];
    try {
      const wanted = [program, ...others].flatMap(({ code }) => mapsOf(code));
      for (const index of new Set(wanted)) maps.set(index, this.#createMap(machine, index));
      const main = this.#loadProgram(program, maps);
      programs.push(main);
      const descriptors = new Map<number, number>([[program.index, main]]);
      for (const other of others) {
        if (descriptors.has(other.index)) continue;
        const descriptor = this.#loadProgram(other, maps);
        programs.push(descriptor);
        descriptors.set(other.index, descriptor);
      }
      for (const [index, descriptor] of maps) this.#fillMap(machine, index, descriptor, descriptors);
      return new KernelProgram(this, main, maps, [...maps.values(), ...programs]);
    } catch (error) {
      for (const descriptor of [...maps.values(), ...programs]) this.#syscall.close(descriptor);
      throw error;
    }
  }

  #createMap(machine: Machine, index: number): number {
    const { type, keySize, valueSize, maxEntries } = machine.maps[index]!.definition;
    const result = this.#syscall.call(COMMAND.mapCreate, ({ view }) => {
      const flags = type === "lpm-trie" ? NO_PREALLOC : 0;
      [MAP_TYPES[type], keySize, valueSize, maxEntries, flags].forEach((value, at) => {
        view.setUint32(at * 4, value, true);
      });
    });
    return this.#checked(result, "create a map");
  }

  #checked(result: number, what: string): number {
    if (result >= 0) return result;
    const hint = result === -EPERM ? "; bpf(2) needs root, or CAP_BPF and CAP_NET_ADMIN" : "";
    throw new BpfError("OBJECT", `the kernel does not ${what} (error ${-result})${hint}`);
  }

  #loadProgram({ code, type }: LoadedProgram, maps: ReadonlyMap<number, number>): number {
    const linked = code.flatMap((operation): Operation[] => {
      if (operation === undefined) return [];
      if (operation.kind !== "load64" || operation.type === IMMEDIATE_64.value) return [operation];
      const isValue = operation.type === IMMEDIATE_64.mapValueByIndex;
      const kind = isValue ? IMMEDIATE_64.mapValueByDescriptor : IMMEDIATE_64.mapByDescriptor;
      return [{ ...operation, type: kind, low: maps.get(operation.low)! }];
    });
    const bytes = encodeCode(linked);
    const instructions = new ForeignMemory(this.#koffi, bytes.length);
    instructions.bytes.set(bytes);
    const license = new ForeignMemory(this.#koffi, 16);
    license.bytes.set(new TextEncoder().encode("GPL"));
    const attempt = (logLevel: number): number =>
      this.#syscall.call(COMMAND.progLoad, (attribute) => {
        const { view } = attribute;
        view.setUint32(0, type.number, true);
        view.setUint32(4, bytes.length / 8, true);
        attribute.setWord(8, instructions.address);
        attribute.setWord(16, license.address);
        if (logLevel === 0) return;
        view.setUint32(24, logLevel, true);
        view.setUint32(28, LOG_BYTES, true);
        attribute.setWord(32, this.#log.address);
      });
    const result = attempt(0);
    if (result >= 0) return result;
    this.#log.bytes[0] = 0;
    const again = attempt(1);
    if (again >= 0) return again;
    const end = this.#log.bytes.indexOf(0);
    // The verifier did not even begin.
    if (again === -EPERM && end === 0) return this.#checked(again, "load a program");
    throw new KernelRefusal(-again, new TextDecoder().decode(this.#log.bytes.subarray(0, end)));
  }

  #fillMap(machine: Machine, index: number, descriptor: number, programs: ReadonlyMap<number, number>): void {
    const map = machine.maps[index]!;
    const { type, keySize, valueSize } = map.definition;
    // The kernel keeps one value for each of its own processors.
    if (type.includes("percpu") || keySize === 0) return;
    const memory = new ForeignMemory(this.#koffi, 16 + keySize + valueSize);
    for (const key of map.keys()) {
      let value = map.get(key)!;
      if (type === "prog-array") {
        const target = programs.get(new DataView(value.buffer).getUint32(0, true));
        if (target === undefined) continue;
        value = new Uint8Array(new Uint32Array([target]).buffer);
      } else if (type === "array" && value.every((byte) => byte === 0)) continue;
      memory.bytes.set(key);
      memory.bytes.set(value, keySize);
      const result = this.#syscall.call(COMMAND.mapUpdate, (attribute) => {
        attribute.view.setUint32(0, descriptor, true);
        attribute.setWord(8, memory.address);
        attribute.setWord(16, memory.address + keySize);
      });
      this.#checked(result, "fill a map");
    }
  }

  /** @internal */
  run(descriptor: number, packet: Uint8Array, repeat: number): KernelResult {
    if (packet.length > MAX_PACKET) {
      throw new BpfError("MEMORY", `a packet of ${packet.length} bytes; at most ${MAX_PACKET} fit`);
    }
    this.#input.bytes.set(packet);
    const result = this.#syscall.call(COMMAND.testRun, (attribute) => {
      const { view } = attribute;
      view.setUint32(0, descriptor, true);
      view.setUint32(8, packet.length, true);
      view.setUint32(12, MAX_PACKET, true);
      attribute.setWord(16, this.#input.address);
      attribute.setWord(24, this.#output.address);
      view.setUint32(32, repeat, true);
    });
    this.#checked(result, `run a packet of ${packet.length} bytes`);
    return {
      result: this.#syscall.field(4),
      packet: this.#output.bytes.slice(0, this.#syscall.field(12)),
      nanoseconds: this.#syscall.field(36),
    };
  }

  /** @internal */
  lookup(descriptor: number, key: Uint8Array, valueSize: number): Uint8Array | undefined {
    const memory = new ForeignMemory(this.#koffi, key.length + valueSize);
    memory.bytes.set(key);
    const result = this.#syscall.call(COMMAND.mapLookup, (attribute) => {
      attribute.view.setUint32(0, descriptor, true);
      attribute.setWord(8, memory.address);
      attribute.setWord(16, memory.address + key.length);
    });
    return result < 0 ? undefined : memory.bytes.slice(key.length);
  }

  /** @internal */
  close(descriptors: readonly number[]): void {
    for (const descriptor of descriptors) this.#syscall.close(descriptor);
  }
}

/** A program in the kernel. Close it. */
export class KernelProgram {
  readonly #engine: KernelEngine;
  readonly #descriptor: number;
  readonly #maps: ReadonlyMap<number, number>;
  readonly #all: readonly number[];

  constructor(engine: KernelEngine, descriptor: number, maps: ReadonlyMap<number, number>, all: readonly number[]) {
    this.#engine = engine;
    this.#descriptor = descriptor;
    this.#maps = maps;
    this.#all = all;
  }

  /** The packet has at least 14 bytes. */
  run(packet: Uint8Array, repeat = 1): KernelResult {
    return this.#engine.run(this.#descriptor, packet, repeat);
  }

  /** A value of the kernel's copy of a map, by the map's place in the machine. */
  lookup(map: number, key: Uint8Array, valueSize: number): Uint8Array | undefined {
    const descriptor = this.#maps.get(map);
    return descriptor === undefined ? undefined : this.#engine.lookup(descriptor, key, valueSize);
  }

  close(): void {
    this.#engine.close(this.#all);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const mapsOf = (code: LoadedProgram["code"]): readonly number[] =>
  code.flatMap((operation) =>
    operation?.kind === "load64" && operation.type !== IMMEDIATE_64.value ? [operation.low] : [],
  );
