/**
 * The dynamic table (RFC 9204 §3.2): first in, first out, bounded by a capacity in bytes. Entries are addressed by
 * absolute index, the number of insertions before them, which never changes; callers handle relative indices.
 */

import { type FieldLine, fieldLineSize } from "../http/field-section.ts";

export class DynamicTable {
  /** Entry n is at n mod the length of the ring, which is a power of two. Most tables stay empty. */
  #ring: (FieldLine | undefined)[] = [undefined];
  #insertCount = 0;
  #firstIndex = 0;
  #size = 0;
  #capacity = 0;

  /** The number of entries ever inserted, and so the absolute index of the next. */
  get insertCount(): number {
    return this.#insertCount;
  }

  /** The absolute index of the oldest remaining entry. */
  get firstIndex(): number {
    return this.#firstIndex;
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get isEmpty(): boolean {
    return this.#firstIndex === this.#insertCount;
  }

  /** The entry at an absolute index; undefined if it was evicted or never inserted. */
  at(index: number): FieldLine | undefined {
    if (index < this.#firstIndex || index >= this.#insertCount) return undefined;
    return this.#ring[index & (this.#ring.length - 1)];
  }

  /** Changes the capacity and evicts what no longer fits (RFC 9204 §3.2.2). */
  setCapacity(capacity: number): void {
    this.#capacity = capacity;
    while (this.#size > capacity) this.evict();
  }

  /** Adds an entry, evicting others as needed. Returns false if it is larger than the whole table. */
  insert(line: FieldLine): boolean {
    const size = fieldLineSize(line[0], line[1]);
    if (size > this.#capacity) return false;
    while (this.#size + size > this.#capacity) this.evict();
    if (this.#insertCount - this.#firstIndex === this.#ring.length) this.#grow();
    this.#ring[this.#insertCount & (this.#ring.length - 1)] = line;
    this.#insertCount += 1;
    this.#size += size;
    return true;
  }

  /** Removes the oldest entry. The table must not be empty. */
  evict(): FieldLine {
    const slot = this.#firstIndex & (this.#ring.length - 1);
    const line = this.#ring[slot]!;
    this.#ring[slot] = undefined;
    this.#firstIndex += 1;
    this.#size -= fieldLineSize(line[0], line[1]);
    return line;
  }

  #grow(): void {
    const grown: (FieldLine | undefined)[] = new Array(Math.max(16, this.#ring.length * 2)).fill(undefined);
    for (let i = this.#firstIndex; i < this.#insertCount; i += 1) grown[i & (grown.length - 1)] = this.at(i);
    this.#ring = grown;
  }
}
