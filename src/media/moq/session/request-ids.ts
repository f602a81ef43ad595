/** Request ids: a client's are even, a server's odd, and each is used once. Streams may overtake each other, so ids may too. */

import { moqError, SESSION_ERRORS } from "../errors.ts";

/** Ids that came before others that did not. */
const MAX_AHEAD = 1_024;

export class RequestIds {
  #next: number;
  #expected: number;
  readonly #ahead = new Set<number>();

  constructor(role: "client" | "server") {
    this.#next = role === "client" ? 0 : 1;
    this.#expected = 1 - this.#next;
  }

  /** An id for a request of ours. */
  take(): number {
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** True for ids of either side that came before. */
  wasUsed(id: number): boolean {
    return id % 2 === this.#next % 2 ? id < this.#next : id < this.#expected || this.#ahead.has(id);
  }

  /** Checks an id of the peer. Throws a `ProtocolError`. */
  accept(id: number): void {
    const { INVALID_REQUEST_ID, TOO_MANY_REQUESTS } = SESSION_ERRORS;
    if (id % 2 !== this.#expected % 2) throw moqError(INVALID_REQUEST_ID, "request", `${id} has the wrong parity`);
    if (id < this.#expected || this.#ahead.has(id))
      throw moqError(INVALID_REQUEST_ID, "request", `${id} was used before`);
    if (id > this.#expected + 2 * MAX_AHEAD) throw moqError(TOO_MANY_REQUESTS, "request", `${id} is far ahead`);
    this.#ahead.add(id);
    while (this.#ahead.delete(this.#expected)) this.#expected += 2;
  }
}
