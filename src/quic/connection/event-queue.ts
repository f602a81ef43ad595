/** Events waiting to be polled, in order. Removing one takes constant time, and an empty queue reuses its array. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #next = 0;

  push(event: Event): void {
    this.#events.push(event);
  }

  peek(): Event | undefined {
    return this.#events[this.#next];
  }

  /** Removes the event that `peek` returns. */
  remove(): void {
    this.#next += 1;
    if (this.#next < this.#events.length) return;
    this.#events.length = 0;
    this.#next = 0;
  }
}
