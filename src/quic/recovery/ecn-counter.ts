/**
 * The ECN marks of one packet number space (RFC 9000 §13.4.2.1): how many packets were marked, and the counts that the
 * peer last reported. The peer counts per space, no matter which route a packet took.
 */

import type { EcnCounts } from "../frame/frames.ts";

/** The ECN counts that an ACK frame reports. */
export type EcnVerdict = "valid" | "congestion" | "invalid";

const ZERO: EcnCounts = { ect0: 0, ect1: 0, ce: 0 };

export class EcnCounter {
  #sent = 0;
  #reported: EcnCounts = ZERO;

  /** True if a packet of this space was marked. Otherwise the peer's counts mean nothing. */
  get isUsed(): boolean {
    return this.#sent > 0;
  }

  onMarkedSent(): void {
    this.#sent += 1;
  }

  /**
   * Checks the counts of an ACK frame that raised the largest acknowledged; `newlyAcked` is the number of marked
   * packets that it newly acknowledged.
   */
  onAck(counts: EcnCounts | undefined, newlyAcked: number): EcnVerdict {
    // The peer, or something in between, does not count marked packets.
    if (counts === undefined) return newlyAcked > 0 ? "invalid" : "valid";
    const before = this.#reported;
    this.#reported = counts;
    const decreased = counts.ect0 < before.ect0 || counts.ect1 < before.ect1 || counts.ce < before.ce;
    const missing = counts.ect0 - before.ect0 + counts.ce - before.ce < newlyAcked;
    // We never send ECT(1), so a count of it means that something re-marks packets.
    if (decreased || missing || counts.ect1 > 0 || counts.ect0 + counts.ce > this.#sent) return "invalid";
    return counts.ce > before.ce ? "congestion" : "valid";
  }
}
