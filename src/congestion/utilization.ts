/**
 * Tracks how much of the congestion window was used. An underused window must not grow (RFC 9002 §7.8), because the
 * acknowledgements say nothing about a larger one.
 *
 * Compares the window with the peak of bytes in flight during the current and the previous round trip, not with the
 * value at the time of the ACK: one batch may handle several ACKs before anything can be sent, and a paced sender fills
 * its window only towards the end of a round trip.
 */

import type { Instant } from "../base/time.ts";

export class WindowUtilization {
  #roundStart = 0 as Instant;
  #peakOfRound = 0;
  #peakOfLastRound = 0;

  /** Notes the bytes in flight after a packet was sent. */
  onPacketSent(bytesInFlight: number): void {
    if (bytesInFlight > this.#peakOfRound) this.#peakOfRound = bytesInFlight;
  }

  /** `latestTimeSent` is the latest send time of the acknowledged packets; `bytesInFlight` still includes them. */
  onPacketsAcked(latestTimeSent: Instant, bytesInFlight: number, now: Instant): void {
    if (latestTimeSent < this.#roundStart) return;
    // A round ends when a packet sent after its start is acknowledged.
    this.#roundStart = now;
    this.#peakOfLastRound = this.#peakOfRound;
    this.#peakOfRound = bytesInFlight;
  }

  /** The recent peak of bytes in flight. */
  get peak(): number {
    return Math.max(this.#peakOfRound, this.#peakOfLastRound);
  }
}
