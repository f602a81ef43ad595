/**
 * PATH_RESPONSE frames to send on one route (RFC 9000 §8.2.2). Each PATH_CHALLENGE gets one response, on the route on
 * which it arrived.
 */

import { RateLimit } from "../../base/rate-limit.ts";
import type { Instant } from "../../base/time.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitPathResponse } from "../frame/index.ts";

/** The maximum number of queued responses, in case a peer floods challenges and withholds acknowledgements. */
const MAX_PENDING = 64;

/**
 * Each one may take a datagram of 1200 bytes, and on routes that are not active none of them waits for the congestion
 * window. An honest peer sends a few, at growing intervals.
 */
const MAX_PER_SECOND = 64;

/** Type and eight bytes of data (RFC 9000 §19.18). */
const FRAME_LENGTH = 9;

export class PathResponses {
  /** Both are made for the first challenge: on most routes there is none. */
  #pending: Uint8Array[] | undefined;
  #limit: RateLimit | undefined;

  get isPending(): boolean {
    return this.#pending !== undefined && this.#pending.length > 0;
  }

  /** Keeps only the newest challenges: an honest peer sends few, and repeats those that get lost. */
  handleChallenge(data: Uint8Array, now: Instant): void {
    this.#limit ??= new RateLimit(MAX_PER_SECOND);
    if (!this.#limit.take(now)) return;
    this.#pending ??= [];
    if (this.#pending.length >= MAX_PENDING) this.#pending.shift();
    this.#pending.push(data.slice());
  }

  writeFrames(writer: Writer): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    while (pending.length > 0 && writer.remaining >= FRAME_LENGTH) emitPathResponse(writer, pending.shift()!);
  }
}
