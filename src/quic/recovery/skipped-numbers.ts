/**
 * Skips packet numbers at random, as a defense against optimistic acknowledgement (RFC 9000 §21.4): a peer that
 * acknowledges packets it has not received will sooner or later acknowledge a number that was never sent.
 *
 * The gap between two skips grows with the congestion window. A window's worth of packets can hardly be acknowledged
 * blindly, and skips add only a few ranges to the peer's ACK frames.
 */

import { type Rng, uniform } from "../../base/rng.ts";

/** The average gap while the window is small. */
const MINIMUM_AVERAGE_GAP = 64;

/** The number of skipped numbers to keep. */
const MAX_REMEMBERED = 64;

export class SkippedNumbers {
  readonly #rng: Rng;
  /** Ascending. */
  readonly #skipped: number[] = [];
  #nextSkip: number;

  constructor(rng: Rng) {
    this.#rng = rng;
    this.#nextSkip = this.#gap(0);
  }

  /** Between 0.5 and 1.5 times the average gap. */
  #gap(windowPackets: number): number {
    const average = Math.max(windowPackets, MINIMUM_AVERAGE_GAP);
    return Math.floor(average / 2 + uniform(this.#rng) * average);
  }

  /** True if `packetNumber`, the next one, must be skipped. `windowPackets` is the congestion window in packets. */
  skip(packetNumber: number, windowPackets: number): boolean {
    if (packetNumber < this.#nextSkip) return false;
    if (this.#skipped.length === MAX_REMEMBERED) this.#skipped.shift();
    this.#skipped.push(packetNumber);
    this.#nextSkip = packetNumber + 1 + this.#gap(windowPackets);
    return true;
  }

  has(packetNumber: number): boolean {
    return this.#skipped.includes(packetNumber);
  }

  /**
   * A skipped number within the ranges of an ACK frame (smallest, largest, …; descending); undefined if there is none.
   */
  findIn(ranges: readonly number[]): number | undefined {
    let index = this.#skipped.length - 1;
    for (let i = 0; i < ranges.length && index >= 0; i += 2) {
      const smallest = ranges[i]!;
      const largest = ranges[i + 1]!;
      while (index >= 0 && this.#skipped[index]! > largest) index -= 1;
      if (index >= 0 && this.#skipped[index]! >= smallest) return this.#skipped[index];
    }
    return undefined;
  }
}
