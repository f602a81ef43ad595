/** The event queue in virtual time: a binary heap. Simultaneous events keep their order of insertion. */

import type { Instant } from "../base/time.ts";

interface Entry<T> {
  readonly at: Instant;
  /** Lower ranks come first at the same instant. */
  readonly rank: number;
  readonly sequence: number;
  readonly what: T;
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.rank !== b.rank) return a.rank < b.rank;
  return a.sequence < b.sequence;
}

export class VirtualSchedule<T> {
  readonly #heap: Entry<T>[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The time of the next event; undefined if there is none. */
  get nextAt(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** Adds what happens at a time. At the same time, a lower rank comes first, and then what was added first. */
  push(at: Instant, what: T, rank = 0): void {
    const heap = this.#heap;
    const entry: Entry<T> = { at, rank, sequence: this.#sequence++, what };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Removes and returns what happens next; undefined if nothing does. */
  pop(): { readonly at: Instant; readonly what: T } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Moves an entry down from the top. */
  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, entry)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = entry;
  }
}
