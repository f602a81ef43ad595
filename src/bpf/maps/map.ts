/**
 * What all maps have in common. A map lives in the arena: a header of 64 bytes, whose address is the program's pointer to
 * it, and its storage. Programs reach only values; links, keys and counters lie outside of their regions, so that a program
 * that nothing has verified cannot break a map either.
 */

import { BpfError } from "../errors.ts";
import type { Arena, Region } from "../memory/index.ts";
import { ERRNO, MAP_TYPES, type MapDefinition, UPDATE } from "./definition.ts";

/** Fields of a header (u32), which compiled programs read too. */
export const HEADER = {
  type: 0,
  keySize: 4,
  valueSize: 8,
  maxEntries: 12,
  /** The address of the values. */
  values: 16,
  /** Bytes from one value to the next: a multiple of 8. */
  valueStride: 20,
  index: 24,
  /** Bytes from one processor's values to the next's; 0 if all share them. */
  cpuStride: 28,
  buckets: 32,
  mask: 36,
  free: 40,
  seed: 44,
  entries: 48,
  entryStride: 52,
  hand: 56,
  count: 60,
} as const;
export const HEADER_BYTES = 64;

export interface MapEnvironment {
  readonly arena: Arena;
  /** The number of virtual processors. */
  readonly cpus: number;
  /** A secret for hash functions. */
  readonly seed: number;
}

/** A map. */
export abstract class BpfMap {
  readonly definition: MapDefinition;
  /** The address of its header. */
  readonly address: number;
  /** Its place in the machine. */
  readonly index: number;
  protected readonly arena: Arena;
  protected readonly cpus: number;
  /** Room for a key and a value of the host. */
  readonly #exchange: number;

  constructor(definition: MapDefinition, index: number, { arena, cpus, seed }: MapEnvironment) {
    const { type, keySize, valueSize, maxEntries } = definition;
    this.definition = definition;
    this.index = index;
    this.arena = arena;
    this.cpus = cpus;
    this.address = arena.allocate(HEADER_BYTES);
    this.#exchange = arena.allocate(align(keySize) + align(valueSize));
    const fields = { type: MAP_TYPES[type], keySize, valueSize, maxEntries, index, seed };
    for (const [name, value] of Object.entries(fields)) this.write(name as keyof typeof HEADER, value);
  }

  /** What programs may access. */
  abstract readonly regions: readonly Region[];

  /** The address of the value for the key at an address, or 0. */
  abstract lookup(key: number): number;

  /** Returns 0, or a negative error. */
  abstract update(key: number, value: number, flags: number): number;

  /** Returns 0, or a negative error. */
  abstract delete(key: number): number;

  /** Copies of all keys. */
  abstract keys(): IterableIterator<Uint8Array<ArrayBuffer>>;

  /** Adds a value to a queue or stack. */
  push(_value: number, _flags: number): number {
    return ERRNO.EOPNOTSUPP;
  }

  /** Copies the next value of a queue or stack to an address. */
  pop(_to: number, _isRemoved: boolean): number {
    return ERRNO.EOPNOTSUPP;
  }

  protected read(field: keyof typeof HEADER): number {
    return this.arena.view.getUint32(this.address + HEADER[field], true);
  }

  protected write(field: keyof typeof HEADER, value: number): void {
    this.arena.view.setUint32(this.address + HEADER[field], value, true);
  }

  /** A copy of a key's value, or undefined. `cpu` chooses one processor's value of a per-CPU map. */
  get(key: Uint8Array, cpu = 0): Uint8Array<ArrayBuffer> | undefined {
    const address = this.onCpu(this.lookup(this.#place(key)), cpu);
    return address === 0 ? undefined : this.arena.bytes.slice(address, address + this.definition.valueSize);
  }

  /** Throws a `BpfError` if the map refuses. A per-CPU map gets the value for all processors. */
  set(key: Uint8Array, value: Uint8Array, flags: number = UPDATE.any): void {
    const { name, valueSize } = this.definition;
    if (value.length !== valueSize) {
      throw new BpfError("MAP", `map ${name}: a value has ${valueSize} bytes, not ${value.length}`);
    }
    const keyAddress = this.#place(key);
    const valueAddress = this.#exchange + align(this.definition.keySize);
    this.arena.bytes.set(value, valueAddress);
    const result = this.update(keyAddress, valueAddress, flags);
    if (result < 0) throw new BpfError("MAP", `map ${name}: ${reasonOf(result)}`);
    if (this.read("cpuStride") === 0) return;
    const first = this.lookup(keyAddress);
    for (let cpu = 0; cpu < this.cpus; cpu += 1) this.arena.bytes.set(value, this.onCpu(first, cpu));
  }

  /** Returns false if there is no such key. */
  remove(key: Uint8Array): boolean {
    const result = this.delete(this.#place(key));
    if (result < 0 && result !== ERRNO.ENOENT) {
      throw new BpfError("MAP", `map ${this.definition.name}: ${reasonOf(result)}`);
    }
    return result === 0;
  }

  /** The value of another processor, given that of the current one. */
  protected onCpu(address: number, cpu: number): number {
    const stride = this.read("cpuStride");
    return address === 0 || stride === 0 ? address : address + (cpu - this.currentCpu()) * stride;
  }

  protected currentCpu(): number {
    return 0;
  }

  #place(key: Uint8Array): number {
    const { name, keySize } = this.definition;
    if (key.length !== keySize) throw new BpfError("MAP", `map ${name}: a key has ${keySize} bytes, not ${key.length}`);
    this.arena.bytes.set(key, this.#exchange);
    return this.#exchange;
  }
}

const REASONS: Readonly<Record<number, string>> = {
  [ERRNO.ENOENT]: "there is no such key",
  [ERRNO.E2BIG]: "it is full, or the index is too large",
  [ERRNO.EEXIST]: "the key exists",
  [ERRNO.EINVAL]: "it cannot do that",
  [ERRNO.EOPNOTSUPP]: "it cannot do that",
};

const reasonOf = (result: number): string => REASONS[result] ?? `error ${-result}`;

/** Rounds up to a multiple of 8. */
export const align = (length: number): number => (length + 7) & ~7;
