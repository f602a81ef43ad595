/**
 * Budgets for work that costs us more than the peer. Each is counted in one place; exceeding it ends the connection.
 */

import { connectionError } from "./errors.ts";

/** The maximum size of all QPACK-blocked field sections of a connection, in bytes. */
export const MAX_BLOCKED_BYTES: number = 1024 * 1024;
/** Of the ids that are exact numbers, the largest that a client's request can have (RFC 9000 §2.1). */
export const LARGEST_REQUEST_ID: number = Number.MAX_SAFE_INTEGER - 3;

/** The work of a frame and of a QPACK instruction, in units of `countWork`. A packet may contain hundreds of them. */
export const FRAME_WORK = 2;
export const INSTRUCTION_WORK = 2;

/**
 * Requests that are opened and cancelled immediately return their stream credit while their work continues (the "Rapid
 * Reset" attack). A peer may cancel half of its requests, and a hundred more at any time.
 */
export class CancellationBudget {
  #tokens = 100;

  handleRequest(): void {
    this.#tokens = Math.min(this.#tokens + 0.5, 500);
  }

  handleCancellation(): void {
    this.#tokens -= 1;
    if (this.#tokens < 0) throw connectionError("H3_EXCESSIVE_LOAD", "requests", "too many were cancelled");
  }
}

/** Bytes of unknown frames and streams, which we read in vain (RFC 9114 §10.5). */
export class IgnoredBudget {
  #bytes = 1024 * 1024;

  count(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < 0) throw connectionError("H3_EXCESSIVE_LOAD", "unknown frames", "too many bytes to ignore");
  }
}
