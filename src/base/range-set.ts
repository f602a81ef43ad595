/**
 * A set of integers kept as sorted, disjoint, half-open ranges in one flat array. Used for received packet numbers,
 * received stream offsets and acknowledged bytes, which in practice form one or two ranges.
 */

/** Shared by all empty sets, which are most of them; never changed. */
const NO_BOUNDS: number[] = [];

/** Unused bounds at the front that are not worth a copy. */
const SPARE = 16;

export class RangeSet {
  /** start0, end0, start1, end1, … from `#head` on. */
  #bounds: number[] = NO_BOUNDS;
  /** What is before it is unused, so that ranges can come and go at the front as cheaply as at the end. */
  #head = 0;

  /** The number of ranges. */
  get size(): number {
    return (this.#bounds.length - this.#head) / 2;
  }

  get isEmpty(): boolean {
    return this.#bounds.length === this.#head;
  }

  start(index: number): number {
    return this.#bounds[this.#head + index * 2]!;
  }

  end(index: number): number {
    return this.#bounds[this.#head + index * 2 + 1]!;
  }

  /** The smallest member; undefined if empty. */
  get min(): number | undefined {
    return this.#bounds[this.#head];
  }

  /** The largest member; undefined if empty. */
  get max(): number | undefined {
    const end = this.#bounds.at(-1);
    return end === undefined || this.#bounds.length === this.#head ? undefined : end - 1;
  }

  /** The index of the first range whose end is > value. */
  #find(value: number): number {
    const bounds = this.#bounds;
    const ends = this.#head + 1;
    let low = 0;
    let high = (bounds.length - this.#head) / 2;
    // New numbers usually belong at the end.
    if (high === 0 || bounds[bounds.length - 1]! <= value) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[ends + middle * 2]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  has(value: number): boolean {
    const at = this.#head + this.#find(value) * 2;
    return at < this.#bounds.length && this.#bounds[at]! <= value;
  }

  /** True if all of [start, end) is in the set. */
  covers(start: number, end: number): boolean {
    if (start >= end) return true;
    const at = this.#head + this.#find(start) * 2;
    return at < this.#bounds.length && this.#bounds[at]! <= start && this.#bounds[at + 1]! >= end;
  }

  /** The parts of [start, end) that are in the set, as start, end, start, end, … */
  within(start: number, end: number): number[] {
    const parts: number[] = [];
    for (let index = this.#find(start); index < this.size && this.start(index) < end; index += 1) {
      parts.push(Math.max(start, this.start(index)), Math.min(end, this.end(index)));
    }
    return parts;
  }

  /** The parts of [start, end) that are not in the set, in the same form. */
  missing(start: number, end: number): number[] {
    const bounds = [start, ...this.within(start, end), end];
    const parts: number[] = [];
    for (let i = 0; i < bounds.length; i += 2) {
      if (bounds[i]! < bounds[i + 1]!) parts.push(bounds[i]!, bounds[i + 1]!);
    }
    return parts;
  }

  /** Adds [start, end). Returns how many members were new. */
  add(start: number, end: number): number {
    if (start >= end) return 0;
    const bounds = this.#bounds;
    const head = this.#head;
    const last = bounds.length;
    if (last === head) {
      // Not `push`, which makes room for sixteen more: most sets only ever have one range.
      this.#bounds = [start, end];
      this.#head = 0;
      return end - start;
    }
    if (bounds[last - 1]! < start) {
      bounds.push(start, end);
      return end - start;
    }
    // The first range that touches or follows [start, end).
    let first = this.#find(start);
    if (first > 0 && bounds[head + first * 2 - 1]! === start) first -= 1;
    let from = start;
    let to = end;
    let already = 0;
    let next = first;
    for (let at = head + first * 2; at < last && bounds[at]! <= end; at += 2, next += 1) {
      const rangeStart = bounds[at]!;
      const rangeEnd = bounds[at + 1]!;
      already += Math.max(0, Math.min(rangeEnd, end) - Math.max(rangeStart, start));
      from = Math.min(from, rangeStart);
      to = Math.max(to, rangeEnd);
    }
    if (next === first + 1) {
      bounds[head + first * 2] = from;
      bounds[head + first * 2 + 1] = to;
    } else {
      this.#replace(first, next, [from, to]);
    }
    return end - start - already;
  }

  /** Removes [start, end). */
  remove(start: number, end: number): void {
    if (start >= end) return;
    const bounds = this.#bounds;
    const first = this.#find(start);
    let next = first;
    const kept: number[] = [];
    for (let at = this.#head + first * 2; at < bounds.length && bounds[at]! < end; at += 2, next += 1) {
      const rangeStart = bounds[at]!;
      const rangeEnd = bounds[at + 1]!;
      if (rangeStart < start) kept.push(rangeStart, start);
      if (rangeEnd > end) kept.push(end, rangeEnd);
    }
    if (next > first) this.#replace(first, next, kept);
  }

  /** Removes and returns the lowest range, to bound memory; undefined if empty. */
  dropFirst(): readonly [start: number, end: number] | undefined {
    if (this.isEmpty) return undefined;
    const range = [this.start(0), this.end(0)] as const;
    this.#setHead(this.#head + 2);
    return range;
  }

  /** Replaces the ranges from `first` to before `next`, and moves those before them if they are few beside those after them. */
  #replace(first: number, next: number, bounds: readonly number[]): void {
    const shift = (next - first) * 2 - bounds.length;
    if (first * 8 > this.size - next) {
      this.#bounds.splice(this.#head + first * 2, (next - first) * 2, ...bounds);
      return;
    }
    if (this.#head + shift < 0) this.#makeRoom();
    const all = this.#bounds;
    const head = this.#head;
    const at = head + first * 2;
    if (shift > 0) for (let i = at - 1; i >= head; i -= 1) all[i + shift] = all[i]!;
    if (shift < 0) for (let i = head; i < at; i += 1) all[i + shift] = all[i]!;
    for (let i = 0; i < bounds.length; i += 1) all[at + shift + i] = bounds[i]!;
    this.#setHead(head + shift);
  }

  /** Doubles the array by room at its front. */
  #makeRoom(): void {
    this.#head = this.#bounds.length;
    this.#bounds = [...this.#bounds, ...this.#bounds];
  }

  #setHead(head: number): void {
    this.#head = head;
    // By then, at least as many ranges have gone as the copy moves, also since there was room made.
    if (head > SPARE && head > this.#bounds.length * 0.75) {
      this.#bounds = this.#bounds.slice(head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#bounds = NO_BOUNDS;
    this.#head = 0;
  }

  *[Symbol.iterator](): Iterator<readonly [start: number, end: number]> {
    for (let i = 0; i < this.size; i += 1) yield [this.start(i), this.end(i)];
  }
}
