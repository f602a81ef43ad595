/**
 * PATH_RESPONSE frames owed on one route (RFC 9000 §8.2.2): each answers one PATH_CHALLENGE, once, on the route by which
 * the challenge came.
 */

import type { Writer } from "../../wire/writer.ts";
import { emitPathResponse } from "../frame/index.ts";

/** A peer that floods challenges and withholds acknowledgements gets no more than this many answers queued. */
const MAX_PENDING = 64;

/** Type and eight bytes of data (RFC 9000 §19.18). */
const FRAME_LENGTH = 9;

export class PathResponses {
  readonly #pending: Uint8Array[] = [];

  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /** The newest challenges are answered: an honest peer sends few, and repeats what is lost. */
  handleChallenge(data: Uint8Array): void {
    if (this.#pending.length >= MAX_PENDING) this.#pending.shift();
    this.#pending.push(data.slice());
  }

  writeFrames(writer: Writer): void {
    while (this.#pending.length > 0 && writer.remaining >= FRAME_LENGTH)
      emitPathResponse(writer, this.#pending.shift()!);
  }
}
