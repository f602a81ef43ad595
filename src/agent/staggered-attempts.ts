/**
 * Staggered connection attempts to the addresses of a host (RFC 8305 §5): the next one starts when its delay has passed
 * or the previous one has failed, and the first to succeed ends them all.
 *
 * Calling order: `start`, then outcomes and timeouts as they happen; after each, drain `pollCommand`, check `outcome`,
 * and ask `nextTimeout`.
 */

import { after, type Instant, type Micros, millis } from "../base/time.ts";

/** RFC 8305 §5, the recommended Connection Attempt Delay. */
export const CONNECTION_ATTEMPT_DELAY = millis(250);

/** Candidates are identified by their index: the best is 0. */
export interface StartAttempt {
  readonly type: "start";
  readonly candidate: number;
}

export type AttemptsOutcome =
  | { readonly type: "connected"; readonly candidate: number }
  /**
   * All have failed, or one with an error that would affect all; `candidate` is the one with the most relevant error.
   */
  | { readonly type: "failed"; readonly candidate: number };

export class StaggeredAttempts {
  readonly #count: number;
  readonly #delay: Micros;
  readonly #failed: number[] = [];
  readonly #commands: StartAttempt[] = [];
  #next = 0;
  #nextAt: Instant | undefined;
  #outcome: AttemptsOutcome | undefined;

  /** Requires at least one candidate. */
  constructor(count: number, delay: Micros) {
    this.#count = count;
    this.#delay = delay;
  }

  /** Set once; afterwards there are no more commands, and attempts in progress must be abandoned. */
  get outcome(): AttemptsOutcome | undefined {
    return this.#outcome;
  }

  start(now: Instant): void {
    this.#startNext(now);
  }

  handleConnected(candidate: number): void {
    this.#settle({ type: "connected", candidate });
  }

  /** `isFinal` is true if the error would affect every other candidate too. */
  handleFailed(candidate: number, isFinal: boolean, now: Instant): void {
    if (this.#outcome !== undefined) return;
    this.#failed.push(candidate);
    if (isFinal) this.#settle({ type: "failed", candidate });
    else if (this.#failed.length === this.#count) this.#settle({ type: "failed", candidate: this.#failed[0]! });
    else this.#startNext(now);
  }

  handleTimeout(now: Instant): void {
    if (this.#nextAt !== undefined && now >= this.#nextAt) this.#startNext(now);
  }

  nextTimeout(): Instant | undefined {
    return this.#nextAt;
  }

  pollCommand(): StartAttempt | undefined {
    return this.#commands.shift();
  }

  #startNext(now: Instant): void {
    this.#nextAt = undefined;
    if (this.#next === this.#count) return;
    this.#commands.push({ type: "start", candidate: this.#next++ });
    if (this.#next < this.#count) this.#nextAt = after(now, this.#delay);
  }

  #settle(outcome: AttemptsOutcome): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = outcome;
    this.#nextAt = undefined;
    this.#commands.length = 0;
  }
}
