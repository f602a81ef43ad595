/**
 * Whose turn it is among the children of one node of the scheduler tree: round-robin or in order. Joining, leaving from
 * the middle and taking a turn cost O(1) for round-robin and O(log n) in order, and allocate nothing.
 */

import { Queue, QueueNode } from "../../base/queue.ts";

/** A heap that grows beyond this gets room for more. */
const MAX_EXACT = 4;

/** What the policies need to know about a child. */
export interface Ranked {
  /** Higher goes first if children have an order. */
  readonly order: number;
}

/** A child's place, with the links and positions of the policy that holds it. */
export class Seat<N extends Ranked> extends QueueNode<N> {
  /** Goes before children of equal rank, because it has lost data to repair. */
  isAhead = false;
  /** Its index in the heap. */
  index = -1;
  /** Among equals in a heap, the one whose last turn was the longest ago goes first. */
  turn = 0;
}

export interface Turns<N extends Ranked> {
  /** The child whose turn it is. */
  readonly first: N | undefined;
  /** Adds a child after its equals. */
  place(seat: Seat<N>, isAhead: boolean): void;
  remove(seat: Seat<N>): void;
  /** A child has had its turn and moves after its equals. */
  rotate(seat: Seat<N>): void;
}

/** Children take turns; those with lost data go before the others. */
export class RoundRobin<N extends Ranked> implements Turns<N> {
  /** Made for the first child that has lost data. */
  #ahead: Queue<N> | undefined;
  readonly #others = new Queue<N>();

  get first(): N | undefined {
    return this.#ahead?.first ?? this.#others.first;
  }

  place(seat: Seat<N>, isAhead: boolean): void {
    (isAhead ? (this.#ahead ??= new Queue<N>()) : this.#others).push(seat);
  }

  remove(seat: Seat<N>): void {
    seat.queue?.remove(seat);
  }

  rotate(seat: Seat<N>): void {
    seat.queue?.rotate(seat);
  }
}

/** The highest order first, with turns among equal orders: a binary heap whose members know their index. */
export class InOrder<N extends Ranked> implements Turns<N> {
  #heap: Seat<N>[] = [];
  /** The room of the heap, while it is small. */
  #room = 0;
  #turns = 0;

  get first(): N | undefined {
    return this.#heap[0]?.value;
  }

  place(seat: Seat<N>, isAhead: boolean): void {
    seat.isAhead = isAhead;
    seat.turn = this.#nextTurn();
    this.#append(seat);
    this.#siftUp(seat, this.#heap.length - 1);
  }

  remove(seat: Seat<N>): void {
    const heap = this.#heap;
    const { index } = seat;
    const last = heap.pop()!;
    seat.index = -1;
    if (last === seat) return;
    if (index > 0 && precedes(last, heap[(index - 1) >>> 1]!)) this.#siftUp(last, index);
    else this.#siftDown(last, index);
  }

  rotate(seat: Seat<N>): void {
    seat.turn = this.#nextTurn();
    this.#siftDown(seat, seat.index);
  }

  /** `push` makes room for sixteen more than there are, and there are many heaps of one or two. */
  #append(seat: Seat<N>): void {
    const length = this.#heap.length;
    if (length < this.#room || length >= MAX_EXACT) this.#heap.push(seat);
    else {
      this.#heap = this.#heap.concat(seat);
      this.#room = length + 1;
    }
  }

  #nextTurn(): number {
    this.#turns += 1;
    return this.#turns;
  }

  #siftUp(seat: Seat<N>, from: number): void {
    const heap = this.#heap;
    let index = from;
    while (index > 0) {
      const above = heap[(index - 1) >>> 1]!;
      if (!precedes(seat, above)) break;
      heap[index] = above;
      above.index = index;
      index = (index - 1) >>> 1;
    }
    heap[index] = seat;
    seat.index = index;
  }

  #siftDown(seat: Seat<N>, from: number): void {
    const heap = this.#heap;
    let index = from;
    for (let child = 2 * index + 1; child < heap.length; child = 2 * index + 1) {
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child += 1;
      const below = heap[child]!;
      if (!precedes(below, seat)) break;
      heap[index] = below;
      below.index = index;
      index = child;
    }
    heap[index] = seat;
    seat.index = index;
  }
}

function precedes(a: Seat<Ranked>, b: Seat<Ranked>): boolean {
  if (a.value.order !== b.value.order) return a.value.order > b.value.order;
  if (a.isAhead !== b.isAhead) return a.isAhead;
  return a.turn < b.turn;
}
