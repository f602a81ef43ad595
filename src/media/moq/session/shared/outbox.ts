/** Requests that wait for the peer's setup or for a higher MAX_REQUEST_ID, in the order of their ids, and what follows them. */

import { Fifo } from "../../../../base/fifo.ts";
import { violation } from "../../errors.ts";

/** More are refused at once. */
const MAX_WAITING = 1_000;

interface Item {
  /** The request that the message belongs to. */
  readonly subject: number;
  /** The id that the message uses up. */
  readonly id: number | undefined;
  readonly send: () => void;
}

export class Outbox {
  readonly #items = new Fifo<Item>();
  readonly #waiting = new Map<number, number>();
  readonly #sayBlocked: (limit: number) => void;
  /** Ids must be below; undefined before the peer's setup. */
  #limit: number | undefined;
  #saidAt: number | undefined;

  /** `sayBlocked` sends REQUESTS_BLOCKED. */
  constructor(sayBlocked: (limit: number) => void) {
    this.#sayBlocked = sayBlocked;
  }

  get isFull(): boolean {
    return this.#items.size >= MAX_WAITING;
  }

  /** Sends a message that has an id of its own, once it may be sent. */
  pushRequest(subject: number, id: number, send: () => void): void {
    this.#push({ subject, id, send });
    this.#flush();
  }

  /** Sends what belongs to a request of ours, after the request. */
  push(subject: number, send: () => void): void {
    if (this.#waiting.has(subject)) this.#push({ subject, id: undefined, send });
    else send();
  }

  /** The peer's setup, or MAX_REQUEST_ID. */
  raise(limit: number): void {
    if (this.#limit !== undefined && limit <= this.#limit)
      throw violation("max-request-id", `${limit} after ${this.#limit}`);
    this.#limit = limit;
    this.#flush();
  }

  #push(item: Item): void {
    this.#items.push(item);
    this.#waiting.set(item.subject, (this.#waiting.get(item.subject) ?? 0) + 1);
  }

  #flush(): void {
    if (this.#limit === undefined) return;
    for (let item = this.#items.first; item !== undefined; item = this.#items.first) {
      if (item.id !== undefined && item.id >= this.#limit) {
        if (this.#saidAt !== this.#limit) this.#sayBlocked(this.#limit);
        this.#saidAt = this.#limit;
        return;
      }
      this.#items.shift();
      const left = this.#waiting.get(item.subject)! - 1;
      if (left === 0) this.#waiting.delete(item.subject);
      else this.#waiting.set(item.subject, left);
      item.send();
    }
  }
}
