/**
 * A map and a set of something that is rarely there, in objects that exist by the thousand: they cost one small object
 * while they are empty, and a map also while it has a single entry, where a `Map` costs two hundred bytes.
 */

/** The key of a map without an entry, or with several. */
const NONE = Symbol();

export class SparseMap<K, V> {
  /** The only entry, which needs no `Map` either. */
  #key: K | typeof NONE = NONE;
  #value: V | undefined;
  #entries: Map<K, V> | undefined;

  get size(): number {
    if (this.#entries !== undefined) return this.#entries.size;
    return this.#key === NONE ? 0 : 1;
  }

  get(key: K): V | undefined {
    if (this.#entries !== undefined) return this.#entries.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  has(key: K): boolean {
    return this.#entries === undefined ? this.#key === key : this.#entries.has(key);
  }

  set(key: K, value: V): void {
    if (this.#entries !== undefined) this.#entries.set(key, value);
    else if (this.#key === NONE || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#entries = new Map<K, V>([[this.#key, this.#value as V]]).set(key, value);
      this.#key = NONE;
      this.#value = undefined;
    }
  }

  delete(key: K): boolean {
    if (this.#entries !== undefined) {
      if (!this.#entries.delete(key)) return false;
      if (this.#entries.size === 0) this.#entries = undefined;
      return true;
    }
    if (this.#key !== key) return false;
    this.#key = NONE;
    this.#value = undefined;
    return true;
  }

  clear(): void {
    this.#key = NONE;
    this.#value = undefined;
    this.#entries = undefined;
  }

  /** As with a `Map`, entries may be deleted during an iteration; added ones may be left out. */
  keys(): Iterable<K> {
    if (this.#entries !== undefined) return this.#entries.keys();
    return this.#key === NONE ? [] : [this.#key];
  }

  values(): Iterable<V> {
    if (this.#entries !== undefined) return this.#entries.values();
    return this.#key === NONE ? [] : [this.#value as V];
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    if (this.#entries !== undefined) return this.#entries[Symbol.iterator]();
    const entries: [K, V][] = this.#key === NONE ? [] : [[this.#key, this.#value as V]];
    return entries[Symbol.iterator]();
  }
}

export class SparseSet<T> {
  #members: Set<T> | undefined;

  get size(): number {
    return this.#members?.size ?? 0;
  }

  has(member: T): boolean {
    return this.#members?.has(member) === true;
  }

  add(member: T): void {
    (this.#members ??= new Set()).add(member);
  }

  delete(member: T): boolean {
    if (this.#members?.delete(member) !== true) return false;
    if (this.#members.size === 0) this.#members = undefined;
    return true;
  }

  /** Removes and returns all. */
  take(): Iterable<T> {
    const members = this.#members ?? [];
    this.#members = undefined;
    return members;
  }
}
