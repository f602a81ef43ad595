/**
 * Detects that faster sending no longer increases the delivery rate: the pipe is full (draft-ietf-ccwg-bbr §5.3.1.2).
 */

import type { RateSample } from "../delivery-rate.ts";

/** The delivery rate counts as growing while it gains this much in a round trip. */
const GROWTH = 1.25;

/** Round trips without such growth. */
const ROUNDS = 3;

export class FullPipe {
  /** True once the pipe has been full during the life of the connection. */
  isReached = false;
  /** True if it is full since the last `restart`. */
  isFull = false;
  #baseline = 0;
  #rounds = 0;

  /** Starts to look again, from this delivery rate. */
  restart(baseline = 0): void {
    this.#baseline = baseline;
    this.#rounds = 0;
    this.isFull = false;
  }

  /** Call with the first sample of each round trip. */
  onRound({ rate, isAppLimited }: RateSample): void {
    if (this.isFull || isAppLimited) return;
    if (rate >= this.#baseline * GROWTH) {
      this.restart(rate);
      return;
    }
    this.#rounds += 1;
    this.isFull = this.#rounds >= ROUNDS;
    if (this.isFull) this.isReached = true;
  }
}
