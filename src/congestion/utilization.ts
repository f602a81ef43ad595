/**
 * Was the congestion window used? A window that was not filled must not grow (RFC 9002 §7.8): the acknowledgements say
 * nothing about what a larger one would do.
 *
 * What is compared with the window is the most that was in flight during the present round trip and the one before,
 * not the count at the moment of the ACK: several ACKs may be handled in one batch before anything can be sent again,
 * and a paced sender reaches its window only towards the end of a round trip.
 */

import type { Instant } from "../base/time.ts";

export class WindowUtilization {
  #roundStart = 0 as Instant;
  #peakOfRound = 0;
  #peakOfLastRound = 0;

  onPacketSent(bytesInFlight: number): void {
    if (bytesInFlight > this.#peakOfRound) this.#peakOfRound = bytesInFlight;
  }

  /** `latestTimeSent` is when the latest of the acknowledged packets was sent; `bytesInFlight` counts them still. */
  onPacketsAcked(latestTimeSent: Instant, bytesInFlight: number, now: Instant): void {
    if (latestTimeSent < this.#roundStart) return;
    // A round ends when something sent after its start is acknowledged.
    this.#roundStart = now;
    this.#peakOfLastRound = this.#peakOfRound;
    this.#peakOfRound = bytesInFlight;
  }

  /** The most bytes that were in flight lately. */
  get peak(): number {
    return Math.max(this.#peakOfRound, this.#peakOfLastRound);
  }
}
