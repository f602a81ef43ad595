/** A queue that drops what arrives when it is full. May mark from a threshold on instead (RFC 3168). */

import { Fifo } from "../../fifo.ts";
import type { Instant } from "../../time.ts";
import type { QueueActions, QueueDiscipline, Waiting } from "./discipline.ts";

export interface DropTailOptions {
  readonly type: "drop-tail";
  /** The maximum number of items; unlimited by default. */
  readonly packets?: number;
  /** The maximum number of bytes; unlimited by default. */
  readonly bytes?: number;
  /** If at least this many items wait, ECN-capable ones are marked CE; never by default. */
  readonly markFrom?: number;
}

export class DropTail<T> implements QueueDiscipline<T> {
  readonly #actions: QueueActions<T>;
  readonly #packets: number;
  readonly #bytes: number;
  readonly #markFrom: number;
  readonly #items = new Fifo<Waiting<T>>();
  #held = 0;

  constructor(options: DropTailOptions, actions: QueueActions<T>) {
    this.#actions = actions;
    this.#packets = options.packets ?? Number.POSITIVE_INFINITY;
    this.#bytes = options.bytes ?? Number.POSITIVE_INFINITY;
    this.#markFrom = options.markFrom ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#items.size;
  }

  push(waiting: Waiting<T>, now: Instant): void {
    const { size } = this.#items;
    if (size >= this.#packets || this.#held + waiting.length > this.#bytes) {
      this.#actions.drop(waiting, now);
      return;
    }
    if (size >= this.#markFrom) this.#actions.mark(waiting);
    this.#held += waiting.length;
    this.#items.push(waiting);
  }

  pop(): Waiting<T> | undefined {
    const waiting = this.#items.shift();
    if (waiting !== undefined) this.#held -= waiting.length;
    return waiting;
  }
}
