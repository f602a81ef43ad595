/**
 * Hash maps with chains. All entries are allocated at the beginning. The LRU forms evict an entry that has not been looked
 * up since the hand of a clock last passed it, as Linux's do by a reference bit.
 */

import { CPU, type Region } from "../memory/index.ts";
import { ERRNO, type MapDefinition, UPDATE } from "./definition.ts";
import { align, BpfMap, type MapEnvironment } from "./map.ts";
import { murmur3 } from "./murmur3.ts";

/** Fields of an entry (u32); its key follows. Entries are named by index + 1, so that 0 means none. */
export const ENTRY = { next: 0, hash: 4, state: 8, key: 16 } as const;
export const STATE = { free: 0, used: 1, referenced: 3 } as const;

export class HashMap extends BpfMap {
  readonly regions: readonly Region[];
  readonly #isLru: boolean;
  readonly #values: number;
  readonly #valueStride: number;
  readonly #cpuStride: number;
  readonly #entries: number;
  readonly #entryStride: number;
  readonly #buckets: number;
  readonly #mask: number;
  readonly #seed: number;

  constructor(definition: MapDefinition, index: number, environment: MapEnvironment) {
    super(definition, index, environment);
    const { keySize, valueSize, maxEntries, type } = definition;
    this.#isLru = type.startsWith("lru");
    const isPerCpu = type.includes("percpu");
    this.#cpuStride = isPerCpu ? align(valueSize) : 0;
    this.#valueStride = align(valueSize) * (isPerCpu ? this.cpus : 1);
    this.#entryStride = ENTRY.key + align(keySize);
    this.#mask = 2 ** Math.ceil(Math.log2(maxEntries)) - 1;
    this.#seed = environment.seed;
    this.#buckets = this.arena.allocate((this.#mask + 1) * 4);
    this.#entries = this.arena.allocate(this.#entryStride * maxEntries);
    const bytes = this.#valueStride * maxEntries;
    this.#values = this.arena.allocate(bytes);
    this.regions = [{ start: this.#values, end: this.#values + bytes, writable: true }];
    const fields = {
      values: this.#values,
      valueStride: this.#valueStride,
      cpuStride: this.#cpuStride,
      entries: this.#entries,
      entryStride: this.#entryStride,
      buckets: this.#buckets,
      mask: this.#mask,
      free: 1,
    } as const;
    for (const [name, value] of Object.entries(fields)) this.write(name as keyof typeof fields, value);
    const { view } = this.arena;
    for (let id = 1; id < maxEntries; id += 1) view.setUint32(this.#at(id) + ENTRY.next, id + 1, true);
  }

  #at(id: number): number {
    return this.#entries + (id - 1) * this.#entryStride;
  }

  #find(key: number, hash: number): number {
    const { view } = this.arena;
    let id = view.getUint32(this.#buckets + (hash & this.#mask) * 4, true);
    while (id !== 0) {
      const at = this.#at(id);
      if (view.getInt32(at + ENTRY.hash, true) === hash && this.#equals(at + ENTRY.key, key)) return id;
      id = view.getUint32(at + ENTRY.next, true);
    }
    return 0;
  }

  #equals(left: number, right: number): boolean {
    const { bytes } = this.arena;
    for (let i = 0; i < this.definition.keySize; i += 1) if (bytes[left + i] !== bytes[right + i]) return false;
    return true;
  }

  #hash(key: number): number {
    return murmur3(this.arena.view, key, this.definition.keySize, this.#seed);
  }

  #valueOf(id: number): number {
    return this.#values + (id - 1) * this.#valueStride + this.currentCpu() * this.#cpuStride;
  }

  override lookup(key: number): number {
    const id = this.#find(key, this.#hash(key));
    if (id === 0) return 0;
    if (this.#isLru) this.arena.view.setUint32(this.#at(id) + ENTRY.state, STATE.referenced, true);
    return this.#valueOf(id);
  }

  override update(key: number, value: number, flags: number): number {
    if (flags > UPDATE.exist) return ERRNO.EINVAL;
    const { view, bytes } = this.arena;
    const { keySize, valueSize } = this.definition;
    const hash = this.#hash(key);
    let id = this.#find(key, hash);
    if (id !== 0 && flags === UPDATE.noExist) return ERRNO.EEXIST;
    if (id === 0) {
      if (flags === UPDATE.exist) return ERRNO.ENOENT;
      id = this.#take();
      if (id === 0) return ERRNO.E2BIG;
      const at = this.#at(id);
      const bucket = this.#buckets + (hash & this.#mask) * 4;
      view.setUint32(at + ENTRY.next, view.getUint32(bucket, true), true);
      view.setInt32(at + ENTRY.hash, hash, true);
      view.setUint32(at + ENTRY.state, STATE.used, true);
      bytes.copyWithin(at + ENTRY.key, key, key + keySize);
      view.setUint32(bucket, id, true);
      const first = this.#values + (id - 1) * this.#valueStride;
      bytes.fill(0, first, first + this.#valueStride);
      this.write("count", this.read("count") + 1);
    }
    bytes.copyWithin(this.#valueOf(id), value, value + valueSize);
    return 0;
  }

  /** A free entry, or 0. */
  #take(): number {
    const { view } = this.arena;
    let free = this.read("free");
    if (free === 0 && this.#isLru) {
      this.#evict();
      free = this.read("free");
    }
    if (free === 0) return 0;
    this.write("free", view.getUint32(this.#at(free) + ENTRY.next, true));
    return free;
  }

  /** Frees the first entry that was not referenced since the hand's last visit; at most two rounds. */
  #evict(): void {
    const { view } = this.arena;
    const { maxEntries } = this.definition;
    let hand = this.read("hand");
    for (;;) {
      const id = (hand % maxEntries) + 1;
      hand += 1;
      const state = this.#at(id) + ENTRY.state;
      if (view.getUint32(state, true) === STATE.referenced) {
        view.setUint32(state, STATE.used, true);
        continue;
      }
      this.write("hand", hand % maxEntries);
      this.#release(id);
      return;
    }
  }

  #release(id: number): void {
    const { view } = this.arena;
    const at = this.#at(id);
    const next = view.getUint32(at + ENTRY.next, true);
    let link = this.#buckets + (view.getInt32(at + ENTRY.hash, true) & this.#mask) * 4;
    while (view.getUint32(link, true) !== id) link = this.#at(view.getUint32(link, true)) + ENTRY.next;
    view.setUint32(link, next, true);
    view.setUint32(at + ENTRY.state, STATE.free, true);
    view.setUint32(at + ENTRY.next, this.read("free"), true);
    this.write("free", id);
    this.write("count", this.read("count") - 1);
  }

  override delete(key: number): number {
    const id = this.#find(key, this.#hash(key));
    if (id === 0) return ERRNO.ENOENT;
    this.#release(id);
    return 0;
  }

  override *keys(): IterableIterator<Uint8Array<ArrayBuffer>> {
    for (let id = 1; id <= this.definition.maxEntries; id += 1) {
      const at = this.#at(id);
      if (this.arena.view.getUint32(at + ENTRY.state, true) === STATE.free) continue;
      yield this.arena.bytes.slice(at + ENTRY.key, at + ENTRY.key + this.definition.keySize);
    }
  }

  protected override currentCpu(): number {
    return this.#cpuStride === 0 ? 0 : this.arena.view.getUint32(CPU, true);
  }
}
