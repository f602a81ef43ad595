/**
 * An intrusive FIFO list: joining, leaving from the middle and moving to the back take constant time. A member is in at
 * most one list at a time.
 */

export class QueueNode<T> {
  readonly value: T;
  queue: Queue<T> | undefined = undefined;
  next: QueueNode<T> | undefined = undefined;
  previous: QueueNode<T> | undefined = undefined;

  constructor(value: T) {
    this.value = value;
  }

  /** Leaves its current list and joins `queue` at the back; keeps its place if it is already there. */
  moveTo(queue: Queue<T> | undefined): void {
    if (this.queue === queue) return;
    this.queue?.remove(this);
    queue?.push(this);
  }
}

/**
 * Moves `member` to the back of `queue`, or out of its queue. Returns its node, which is made when it first joins a queue: most
 * members never do.
 */
export function moveMember<T>(
  member: T,
  node: QueueNode<T> | undefined,
  queue: Queue<T> | undefined,
): QueueNode<T> | undefined {
  if (node === undefined && queue === undefined) return undefined;
  const place = node ?? new QueueNode(member);
  place.moveTo(queue);
  return place;
}

export class Queue<T> {
  #first: QueueNode<T> | undefined = undefined;
  #last: QueueNode<T> | undefined = undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  push(node: QueueNode<T>): void {
    node.queue = this;
    node.previous = this.#last;
    node.next = undefined;
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
  }

  remove(node: QueueNode<T>): void {
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    node.queue = undefined;
    node.next = undefined;
    node.previous = undefined;
  }

  /** Moves a member to the back. */
  rotate(node: QueueNode<T>): void {
    if (this.#last === node) return;
    this.remove(node);
    this.push(node);
  }
}
