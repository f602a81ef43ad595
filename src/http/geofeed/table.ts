/** Prefixes in typed arrays, sorted by address: one binary search for a lookup, and a walk through the prefixes around it. */

import { maskOf } from "./prefix.ts";

/** No prefix. */
export const NONE = -1;

const FIRST_CAPACITY = 1_024;

/** The prefixes of one version of IP. Add all, then `sort`, then look addresses up. */
export class PrefixTable {
  readonly #width: 1 | 4;
  /** The words of each prefix, most significant first; by column. */
  #columns: Uint32Array[];
  #lengths = new Uint8Array(FIRST_CAPACITY);
  #values = new Uint32Array(FIRST_CAPACITY);
  #lines = new Uint32Array(FIRST_CAPACITY);
  /** The next larger prefix that contains each one, or NONE. */
  #parents = new Int32Array(0);
  /** For the first 16 bits of addresses: where the prefixes that begin with these bits, or later, start. */
  readonly #starts = new Uint32Array(0x10001);
  #size = 0;

  /** 1 word for IPv4, 4 for IPv6. */
  constructor(width: 1 | 4) {
    this.#width = width;
    this.#columns = Array.from({ length: width }, () => new Uint32Array(FIRST_CAPACITY));
  }

  get size(): number {
    return this.#size;
  }

  /** `value` and `line` belong to the prefix. */
  add(words: Uint32Array, length: number, value: number, line: number): void {
    const at = this.#size;
    if (at === this.#lengths.length) this.#grow();
    for (let column = 0; column < this.#width; column += 1) this.#columns[column]![at] = words[column]!;
    this.#lengths[at] = length;
    this.#values[at] = value;
    this.#lines[at] = line;
    this.#size += 1;
  }

  #grow(): void {
    const capacity = this.#lengths.length * 2;
    this.#columns = this.#columns.map((column) => grown(column, new Uint32Array(capacity)));
    this.#lengths = grown(this.#lengths, new Uint8Array(capacity));
    this.#values = grown(this.#values, new Uint32Array(capacity));
    this.#lines = grown(this.#lines, new Uint32Array(capacity));
  }

  /** Sorts, and drops repeated prefixes: the first one stays. Calls `onDuplicate` with the lines of both. */
  sort(onDuplicate: (line: number, first: number) => void): void {
    const order = this.#order();
    const columns = this.#columns.map((column) => picked(column, order, new Uint32Array(order.length)));
    const lengths = picked(this.#lengths, order, new Uint8Array(order.length));
    const values = picked(this.#values, order, new Uint32Array(order.length));
    const lines = picked(this.#lines, order, new Uint32Array(order.length));
    let size = 0;
    for (let at = 0; at < order.length; at += 1) {
      const before = size - 1;
      if (size > 0 && lengths[before] === lengths[at] && columns.every((column) => column[before] === column[at])) {
        onDuplicate(lines[at]!, lines[before]!);
        continue;
      }
      if (size !== at) {
        for (const column of columns) column[size] = column[at]!;
        lengths[size] = lengths[at]!;
        values[size] = values[at]!;
        lines[size] = lines[at]!;
      }
      size += 1;
    }
    this.#columns = columns.map((column) => column.slice(0, size));
    [this.#lengths, this.#values, this.#lines] = [lengths.slice(0, size), values.slice(0, size), lines.slice(0, size)];
    this.#size = size;
    this.#link();
  }

  /** The order by address, then length, then as added: a radix sort, 16 bits at a time. */
  #order(): Uint32Array {
    const size = this.#size;
    let order = new Uint32Array(size);
    for (let i = 0; i < size; i += 1) order[i] = i;
    let other = new Uint32Array(size);
    const counts = new Uint32Array(0x10000);
    const pass = (keys: Uint32Array | Uint8Array, shift: number): void => {
      counts.fill(0);
      for (let i = 0; i < size; i += 1) counts[(keys[i]! >>> shift) & 0xffff]! += 1;
      // Equal digits everywhere leave the order as it is.
      if (size > 0 && counts[(keys[0]! >>> shift) & 0xffff] === size) return;
      for (let digit = 0, sum = 0; digit < counts.length; digit += 1) {
        const count = counts[digit]!;
        counts[digit] = sum;
        sum += count;
      }
      for (let i = 0; i < size; i += 1) {
        const index = order[i]!;
        other[counts[(keys[index]! >>> shift) & 0xffff]!++] = index;
      }
      [order, other] = [other, order];
    };
    pass(this.#lengths, 0);
    for (const column of this.#columns.toReversed()) for (const shift of [0, 16]) pass(column, shift);
    return order;
  }

  /** In this order, a prefix comes after all that contain it, and before all others that they contain. */
  #link(): void {
    const size = this.#size;
    const parents = new Int32Array(size);
    const words = new Uint32Array(this.#width);
    for (let at = 0; at < size; at += 1) {
      for (let column = 0; column < this.#width; column += 1) words[column] = this.#columns[column]![at]!;
      let parent = at - 1;
      while (parent !== NONE && !this.#contains(parent, words)) parent = parents[parent]!;
      parents[at] = parent;
    }
    this.#parents = parents;
    const first = this.#columns[0]!;
    for (let at = 0, start = 0; start < this.#starts.length; start += 1) {
      while (at < size && first[at]! >>> 16 < start) at += 1;
      this.#starts[start] = at;
    }
  }

  /** The index of the longest prefix that contains an address; NONE without one. Needs `sort`. */
  find(words: Uint32Array): number {
    const first = this.#columns[0]!;
    const word = words[0]!;
    let low = this.#starts[word >>> 16]!;
    let high = this.#starts[(word >>> 16) + 1]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const ours = first[middle]!;
      if (ours < word || (ours === word && !this.#isAfter(middle, words))) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    while (index !== NONE && !this.#contains(index, words)) index = this.#parents[index]!;
    return index;
  }

  /** True if a prefix whose first word is that of an address begins after it. */
  #isAfter(index: number, words: Uint32Array): boolean {
    for (let column = 1; column < this.#width; column += 1) {
      const ours = this.#columns[column]![index]!;
      const theirs = words[column]!;
      if (ours !== theirs) return ours > theirs;
    }
    return false;
  }

  /** True if the prefix at an index contains an address. */
  #contains(index: number, words: Uint32Array): boolean {
    let bits = this.#lengths[index]!;
    for (let column = 0; bits > 0; column += 1, bits -= 32) {
      if (((this.#columns[column]![index]! ^ words[column]!) & maskOf(bits)) !== 0) return false;
    }
    return true;
  }

  /** The value of the prefix at an index. */
  valueAt(index: number): number {
    return this.#values[index]!;
  }

  /** What `add` was given for the prefix at an index, and its words. */
  at(index: number): {
    readonly value: number;
    readonly line: number;
    readonly length: number;
    readonly words: number[];
  } {
    return {
      value: this.#values[index]!,
      line: this.#lines[index]!,
      length: this.#lengths[index]!,
      words: this.#columns.map((column) => column[index]!),
    };
  }
}

type Column = Uint8Array | Uint32Array;

function grown<Array extends Column>(from: Array, to: Array): Array {
  to.set(from);
  return to;
}

function picked<Array extends Column>(from: Array, order: Uint32Array, to: Array): Array {
  for (let i = 0; i < order.length; i += 1) to[i] = from[order[i]!]!;
  return to;
}
