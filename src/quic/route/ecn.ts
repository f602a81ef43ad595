/**
 * Explicit Congestion Notification on one route (RFC 9000 §13.4, Appendix A.4): which packets are marked, and whether
 * marks survive the network. The peer counts marks per packet number space; `EcnCounter` checks those counts.
 *
 * Enabled only if the host can set and read the ECN bits of the IP header.
 */

import { Ecn } from "../../base/datagrams.ts";

/** Appendix A.4: the number of packets to mark before the first feedback. */
const TESTING_PACKETS = 10;

export type EcnState =
  /** The host cannot or does not want to mark packets. */
  | "off"
  /** The first packets are being marked. */
  | "testing"
  /** Enough packets were marked; waiting for the peer's counts. */
  | "unknown"
  /** Validated: all packets are marked. */
  | "capable"
  /** Marks were lost or wrong: packets are no longer marked. */
  | "failed";

export class EcnValidator {
  #state: EcnState;
  #packetsMarked = 0;
  #packetsLost = 0;

  constructor(enabled: boolean) {
    this.#state = enabled ? "testing" : "off";
  }

  get state(): EcnState {
    return this.#state;
  }

  /** The mark for the next train of datagrams and its packets. */
  nextTrain(): Ecn {
    if (this.#state === "testing" && this.#packetsMarked >= TESTING_PACKETS) this.#state = "unknown";
    return this.#state === "testing" || this.#state === "capable" ? Ecn.ect0 : Ecn.notEct;
  }

  onMarkedSent(): void {
    this.#packetsMarked += 1;
  }

  /** A marked packet was lost. If all packets marked for the test are lost, the network drops marked packets. */
  onMarkedLost(): void {
    this.#packetsLost += 1;
    if ((this.#state === "testing" || this.#state === "unknown") && this.#packetsLost >= TESTING_PACKETS) this.fail();
  }

  /** The peer's counts include marked packets of this route. */
  onValidated(): void {
    if (this.#state === "testing" || this.#state === "unknown") this.#state = "capable";
  }

  /** The peer's counts are wrong: the network or the peer corrupts the marks. */
  fail(): void {
    if (this.#state !== "off") this.#state = "failed";
  }
}
