/**
 * Explicit Congestion Notification on one route (RFC 9000 §13.4, Appendix A.4): which packets are marked, and whether
 * marks survive the network. The peer's counts are per packet number space; `EcnCounter` checks those.
 *
 * It is on only where the host can set and read the ECN bits of the IP header.
 */

import { Ecn } from "../../base/datagrams.ts";

/** Appendix A.4: how many packets are marked before the first answer. */
const TESTING_PACKETS = 10;

export type EcnState =
  /** The host cannot mark, or does not want to. */
  | "off"
  /** The first packets are marked. */
  | "testing"
  /** Enough were marked; waiting for the peer's counts. */
  | "unknown"
  /** Validated: everything is marked. */
  | "capable"
  /** Marks were lost or wrong: nothing is marked any more. */
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

  /** The mark for the next train of datagrams and the packets in it. */
  nextTrain(): Ecn {
    if (this.#state === "testing" && this.#packetsMarked >= TESTING_PACKETS) this.#state = "unknown";
    return this.#state === "testing" || this.#state === "capable" ? Ecn.ect0 : Ecn.notEct;
  }

  onMarkedSent(): void {
    this.#packetsMarked += 1;
  }

  /** A marked packet was lost. When all that were marked for the test are lost, the network drops marked packets. */
  onMarkedLost(): void {
    this.#packetsLost += 1;
    if ((this.#state === "testing" || this.#state === "unknown") && this.#packetsLost >= TESTING_PACKETS) this.fail();
  }

  /** The peer's counts include marked packets of this route. */
  onValidated(): void {
    if (this.#state === "testing" || this.#state === "unknown") this.#state = "capable";
  }

  /** The peer's counts are wrong: the network or the peer spoils the marks. */
  fail(): void {
    if (this.#state !== "off") this.#state = "failed";
  }
}
