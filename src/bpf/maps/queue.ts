/** Queues and stacks: values without keys, which are copied in and out. */

import type { Region } from "../memory/index.ts";
import { ERRNO, type MapDefinition } from "./definition.ts";
import { align, BpfMap, type MapEnvironment } from "./map.ts";

/** A flag of `push`: drops the oldest value if there is no room. */
const EXIST = 2;

/** A queue or a stack. */
export class QueueMap extends BpfMap {
  readonly regions: readonly Region[] = [];
  readonly #values: number;
  readonly #stride: number;
  readonly #isStack: boolean;
  #first = 0;
  #count = 0;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    this.#isStack = definition.type === "stack";
    this.#stride = align(definition.valueSize);
    this.#values = this.arena.allocate(this.#stride * definition.maxEntries);
  }

  get length(): number {
    return this.#count;
  }

  #slot(position: number): number {
    return this.#values + ((this.#first + position) % this.definition.maxEntries) * this.#stride;
  }

  override push(value: number, flags: number): number {
    if (flags !== 0 && flags !== EXIST) return ERRNO.EINVAL;
    if (this.#count === this.definition.maxEntries) {
      if (flags !== EXIST) return ERRNO.E2BIG;
      this.#first += 1;
      this.#count -= 1;
    }
    this.arena.bytes.copyWithin(this.#slot(this.#count), value, value + this.definition.valueSize);
    this.#count += 1;
    return 0;
  }

  override pop(to: number, isRemoved: boolean): number {
    const { valueSize } = this.definition;
    if (this.#count === 0) {
      this.arena.bytes.fill(0, to, to + valueSize);
      return ERRNO.ENOENT;
    }
    const from = this.#slot(this.#isStack ? this.#count - 1 : 0);
    this.arena.bytes.copyWithin(to, from, from + valueSize);
    if (isRemoved) {
      this.#count -= 1;
      if (!this.#isStack) this.#first = (this.#first + 1) % this.definition.maxEntries;
    }
    return 0;
  }

  override lookup(): number {
    return 0;
  }

  override update(_key: number, value: number, flags: number): number {
    return this.push(value, flags);
  }

  override delete(): number {
    return ERRNO.EINVAL;
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {}

  /** Takes the next value for the host, or undefined. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#count === 0) return undefined;
    const from = this.#slot(this.#isStack ? this.#count - 1 : 0);
    const value = this.arena.bytes.slice(from, from + this.definition.valueSize);
    this.#count -= 1;
    if (!this.#isStack) this.#first = (this.#first + 1) % this.definition.maxEntries;
    return value;
  }
}
