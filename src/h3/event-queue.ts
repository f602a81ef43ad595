/** Events waiting to be polled. */

import type { H3Event } from "./events.ts";

export class EventQueue {
  #events: H3Event[] = [];
  #next = 0;

  push(event: H3Event): void {
    this.#events.push(event);
  }

  shift(): H3Event | undefined {
    if (this.#next === this.#events.length) {
      if (this.#next > 0) this.clear();
      return undefined;
    }
    return this.#events[this.#next++];
  }

  clear(): void {
    this.#events = [];
    this.#next = 0;
  }
}
