/**
 * A set of integers kept as sorted, disjoint, half-open ranges in one flat array. Used for received packet numbers,
 * received stream offsets and acknowledged bytes, which in practice form one or two ranges.
 */

/** Shared by all empty sets, which are most of them; never changed. */
const NO_BOUNDS: number[] = [];

export class RangeSet {
  /** start0, end0, start1, end1, … */
  #bounds: number[] = NO_BOUNDS;

  /** The number of ranges. */
  get size(): number {
    return this.#bounds.length / 2;
  }

  get isEmpty(): boolean {
    return this.#bounds.length === 0;
  }

  start(index: number): number {
    return this.#bounds[index * 2]!;
  }

  end(index: number): number {
    return this.#bounds[index * 2 + 1]!;
  }

  /** The smallest member; undefined if empty. */
  get min(): number | undefined {
    return this.#bounds[0];
  }

  /** The largest member; undefined if empty. */
  get max(): number | undefined {
    const end = this.#bounds.at(-1);
    return end === undefined ? undefined : end - 1;
  }

  /** The index of the first range whose end is > value. */
  #find(value: number): number {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length / 2;
    // New numbers usually belong at the end.
    if (high === 0 || bounds[bounds.length - 1]! <= value) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bounds[middle * 2 + 1]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  has(value: number): boolean {
    const index = this.#find(value);
    return index < this.size && this.#bounds[index * 2]! <= value;
  }

  /** True if all of [start, end) is in the set. */
  covers(start: number, end: number): boolean {
    if (start >= end) return true;
    const index = this.#find(start);
    return index < this.size && this.#bounds[index * 2]! <= start && this.#bounds[index * 2 + 1]! >= end;
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
    const last = bounds.length;
    if (last === 0) {
      // Not `push`, which makes room for sixteen more: most sets only ever have one range.
      this.#bounds = [start, end];
      return end - start;
    }
    if (bounds[last - 1]! < start) {
      bounds.push(start, end);
      return end - start;
    }
    // The first range that touches or follows [start, end).
    let first = this.#find(start);
    if (first > 0 && bounds[first * 2 - 1]! === start) first -= 1;
    let from = start;
    let to = end;
    let already = 0;
    let next = first;
    while (next * 2 < bounds.length && bounds[next * 2]! <= end) {
      const rangeStart = bounds[next * 2]!;
      const rangeEnd = bounds[next * 2 + 1]!;
      already += Math.max(0, Math.min(rangeEnd, end) - Math.max(rangeStart, start));
      from = Math.min(from, rangeStart);
      to = Math.max(to, rangeEnd);
      next += 1;
    }
    if (next === first + 1) {
      bounds[first * 2] = from;
      bounds[first * 2 + 1] = to;
    } else {
      bounds.splice(first * 2, (next - first) * 2, from, to);
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
    while (next * 2 < bounds.length && bounds[next * 2]! < end) {
      const rangeStart = bounds[next * 2]!;
      const rangeEnd = bounds[next * 2 + 1]!;
      if (rangeStart < start) kept.push(rangeStart, start);
      if (rangeEnd > end) kept.push(end, rangeEnd);
      next += 1;
    }
    if (next > first) bounds.splice(first * 2, (next - first) * 2, ...kept);
  }

  /** Removes and returns the lowest range, to bound memory; undefined if empty. */
  dropFirst(): readonly [start: number, end: number] | undefined {
    if (this.isEmpty) return undefined;
    const [start, end] = this.#bounds.splice(0, 2);
    return [start!, end!];
  }

  clear(): void {
    this.#bounds = NO_BOUNDS;
  }

  *[Symbol.iterator](): Iterator<readonly [start: number, end: number]> {
    for (let i = 0; i < this.#bounds.length; i += 2) yield [this.#bounds[i]!, this.#bounds[i + 1]!];
  }
}
