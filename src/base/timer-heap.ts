/** Deadlines of many owners, earliest first. An owner has one deadline at a time; nothing ever scans them all. */

import type { Instant } from "./time.ts";

/** An owner's entry in the heap, created once by the owner. */
export class HeapTimer<Owner> {
  readonly owner: Owner;
  at: Instant | undefined;
  /** Position in the heap, -1 if not armed. Managed by the heap. */
  index = -1;

  constructor(owner: Owner) {
    this.owner = owner;
  }
}

export class TimerHeap<Owner> {
  readonly #heap: HeapTimer<Owner>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest deadline. */
  get next(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** Arms, moves or (if undefined) disarms a timer. */
  set(timer: HeapTimer<Owner>, at: Instant | undefined): void {
    if (at === timer.at) return;
    timer.at = at;
    if (at === undefined) this.#remove(timer);
    else if (timer.index < 0) {
      timer.index = this.#heap.length;
      this.#heap.push(timer);
      this.#up(timer.index);
    } else {
      this.#up(timer.index);
      this.#down(timer.index);
    }
  }

  /** Disarms and returns the owner of an expired timer. */
  popExpired(now: Instant): Owner | undefined {
    const top = this.#heap[0];
    if (top === undefined || top.at! > now) return undefined;
    top.at = undefined;
    this.#remove(top);
    return top.owner;
  }

  #remove(timer: HeapTimer<Owner>): void {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#heap.pop()!;
    if (last === timer) return;
    this.#heap[index] = last;
    last.index = index;
    this.#up(index);
    this.#down(last.index);
  }

  #up(from: number): void {
    const heap = this.#heap;
    let index = from;
    const timer = heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.at! <= timer.at!) break;
      heap[index] = heap[parent]!;
      heap[index]!.index = index;
      index = parent;
    }
    heap[index] = timer;
    timer.index = index;
  }

  #down(from: number): void {
    const heap = this.#heap;
    let index = from;
    const timer = heap[index]!;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at! < heap[child]!.at!) child += 1;
      if (heap[child]!.at! >= timer.at!) break;
      heap[index] = heap[child]!;
      heap[index]!.index = index;
      index = child;
    }
    heap[index] = timer;
    timer.index = index;
  }
}
