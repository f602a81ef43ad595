/** Arrays: all values exist from the beginning and are zero. Also those whose values name programs, devices or sockets. */

import { CPU, type Region } from "../memory/index.ts";
import { ERRNO, type MapDefinition, UPDATE } from "./definition.ts";
import { align, BpfMap, type MapEnvironment } from "./map.ts";

export class ArrayMap extends BpfMap {
  readonly regions: readonly Region[];
  readonly #values: number;
  readonly #stride: number;
  readonly #cpuStride: number;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    const { maxEntries, valueSize, type, initial, readOnly = false } = definition;
    const isPerCpu = type === "percpu-array";
    this.#stride = align(valueSize);
    this.#cpuStride = isPerCpu ? this.#stride * maxEntries : 0;
    const bytes = this.#stride * maxEntries * (isPerCpu ? this.cpus : 1);
    this.#values = this.arena.allocate(bytes);
    this.write("values", this.#values);
    this.write("valueStride", this.#stride);
    this.write("cpuStride", this.#cpuStride);
    if (initial !== undefined) this.arena.bytes.set(initial, this.#values);
    this.regions = [{ start: this.#values, end: this.#values + bytes, writable: !readOnly }];
  }

  override lookup(key: number): number {
    const index = this.arena.view.getUint32(key, true);
    if (index >= this.definition.maxEntries) return 0;
    return this.#values + index * this.#stride + this.currentCpu() * this.#cpuStride;
  }

  override update(key: number, value: number, flags: number): number {
    if (flags > UPDATE.exist) return ERRNO.EINVAL;
    const to = this.lookup(key);
    if (to === 0) return ERRNO.E2BIG;
    if (flags === UPDATE.noExist) return ERRNO.EEXIST;
    this.arena.bytes.copyWithin(to, value, value + this.definition.valueSize);
    return 0;
  }

  override delete(_key: number): number {
    return ERRNO.EINVAL;
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {
    for (let index = 0; index < this.definition.maxEntries; index += 1) yield indexKey(index);
  }

  protected override currentCpu(): number {
    return this.#cpuStride === 0 ? 0 : this.arena.view.getUint32(CPU, true);
  }
}

/** An array of references: a program, a device, a processor or a socket, as a number of the host. Entries may be absent. */
export class ReferenceArray extends BpfMap {
  readonly regions: readonly Region[] = [];
  readonly #values: number;
  readonly #stride: number;
  readonly #present: Uint8Array;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    const { maxEntries, valueSize } = definition;
    this.#stride = align(valueSize);
    this.#values = this.arena.allocate(this.#stride * maxEntries);
    this.#present = new Uint8Array(maxEntries);
    this.write("values", this.#values);
    this.write("valueStride", this.#stride);
  }

  override lookup(key: number): number {
    const index = this.arena.view.getUint32(key, true);
    return this.#present[index] === 1 ? this.#values + index * this.#stride : 0;
  }

  /** The number at an index, or undefined. */
  reference(index: number): number | undefined {
    if (this.#present[index] !== 1) return undefined;
    return this.arena.view.getUint32(this.#values + index * this.#stride, true);
  }

  override update(key: number, value: number, flags: number): number {
    const index = this.arena.view.getUint32(key, true);
    if (index >= this.definition.maxEntries) return ERRNO.E2BIG;
    if (flags === UPDATE.noExist && this.#present[index] === 1) return ERRNO.EEXIST;
    const to = this.#values + index * this.#stride;
    this.arena.bytes.copyWithin(to, value, value + this.definition.valueSize);
    this.#present[index] = 1;
    return 0;
  }

  override delete(key: number): number {
    const index = this.arena.view.getUint32(key, true);
    if (this.#present[index] !== 1) return ERRNO.ENOENT;
    this.#present[index] = 0;
    return 0;
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {
    for (const [index, present] of this.#present.entries()) if (present === 1) yield indexKey(index);
  }
}

function indexKey(index: number): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, true);
  return key;
}
