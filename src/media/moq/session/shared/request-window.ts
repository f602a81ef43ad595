/** How many requests the peer may send: MAX_REQUEST_ID (§9.5 of draft 16) moves on as its requests end. */

import { moqError, SESSION_ERRORS } from "../../errors.ts";

export class RequestWindow {
  readonly #size: number;
  #ended = 0;
  /** What the peer knows; ids must be below. */
  #told: number;

  /** Requests at a time. */
  constructor(size: number) {
    this.#size = size;
    this.#told = 2 * size;
  }

  /** For our setup. */
  get initial(): number {
    return 2 * this.#size;
  }

  /** Throws if an id of the peer is not allowed yet. */
  check(id: number): void {
    if (id >= this.#told)
      throw moqError(SESSION_ERRORS.TOO_MANY_REQUESTS, "request", `${id} is not below the limit of ${this.#told}`);
  }

  /** A request of the peer ended, or an update was answered. Returns a new limit if it is time to say it. */
  release(): number | undefined {
    this.#ended += 1;
    return 2 * (this.#ended + this.#size) - this.#told >= this.#size ? this.unblock() : undefined;
  }

  /** The peer waits: a new limit, if there is one. */
  unblock(): number | undefined {
    const limit = 2 * (this.#ended + this.#size);
    if (limit === this.#told) return undefined;
    return (this.#told = limit);
  }
}
