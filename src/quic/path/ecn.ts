/**
 * Explicit Congestion Notification on one path (RFC 9000 §13.4, Appendix A.4): mark what is sent, compare what the peer
 * counts with what was sent, and stop marking where the network or the peer do not play along.
 *
 * Only a host that can set and read the IP header's ECN bits has any use for it; for the others it is off.
 */

import { Ecn } from "../../base/datagrams.ts";
import { RangeSet } from "../../base/range-set.ts";
import type { Level } from "../../tls/handshake.ts";
import type { EcnCounts } from "../frame/frames.ts";

/** Appendix A.4: how many packets are marked before the first answer. */
const TESTING_PACKETS = 10;

export type EcnState =
  /** The host cannot, or does not want to. */
  | "off"
  /** The first packets are marked. */
  | "testing"
  /** Enough were marked; waiting for the peer's counts. */
  | "unknown"
  /** Validated: everything is marked. */
  | "capable"
  /** Marks were lost or wrong: nothing is marked any more. */
  | "failed";

/** What one packet number space knows of its marks. */
class SpaceMarks {
  /** Packet numbers sent with ECT(0) and not yet acknowledged or lost. */
  readonly marked = new RangeSet();
  sent = 0;
  ect0 = 0;
  ect1 = 0;
  ce = 0;
}

export class EcnValidator {
  #state: EcnState;
  /** What the datagrams now being written carry. */
  #codepoint: Ecn = Ecn.notEct;
  #packetsMarked = 0;
  #packetsLost = 0;
  readonly #spaces = [new SpaceMarks(), new SpaceMarks(), new SpaceMarks()];

  constructor(enabled: boolean) {
    this.#state = enabled ? "testing" : "off";
  }

  get state(): EcnState {
    return this.#state;
  }

  /** What the next train of datagrams is to be marked with. Packets reported sent until the next call bear this mark. */
  nextTrain(): Ecn {
    if (this.#state === "testing" && this.#packetsMarked >= TESTING_PACKETS) this.#state = "unknown";
    this.#codepoint = this.#state === "testing" || this.#state === "capable" ? Ecn.ect0 : Ecn.notEct;
    return this.#codepoint;
  }

  onPacketSent(level: Level, packetNumber: number): void {
    if (this.#codepoint !== Ecn.ect0) return;
    this.#packetsMarked += 1;
    const space = this.#spaces[level]!;
    space.sent += 1;
    space.marked.add(packetNumber, packetNumber + 1);
  }

  /** Whether marks have to be accounted for at all. */
  get isActive(): boolean {
    return this.#packetsMarked > 0 && this.#state !== "failed";
  }

  /** Was the packet marked? Forgets it. */
  takeMark(level: Level, packetNumber: number): boolean {
    const { marked } = this.#spaces[level]!;
    if (!marked.has(packetNumber)) return false;
    marked.remove(packetNumber, packetNumber + 1);
    return true;
  }

  /** A marked packet was lost. When all marked for the test are lost, the network drops marked packets. */
  onMarkedLost(): void {
    this.#packetsLost += 1;
    if ((this.#state === "testing" || this.#state === "unknown") && this.#packetsLost >= TESTING_PACKETS) this.#fail();
  }

  /**
   * An ACK frame that raised the largest acknowledged (RFC 9000 §13.4.2.1). `newlyAckedMarked` is how many marked packets
   * it newly acknowledged. True when the peer's CE count rose, which is a sign of congestion.
   */
  onAck(level: Level, counts: EcnCounts | undefined, newlyAckedMarked: number): boolean {
    if (!this.isActive) return false;
    const space = this.#spaces[level]!;
    if (counts === undefined) {
      // The peer, or something between, does not count what was marked.
      if (newlyAckedMarked > 0) this.#fail();
      return false;
    }
    const ect0 = counts.ect0 - space.ect0;
    const ect1 = counts.ect1 - space.ect1;
    const ce = counts.ce - space.ce;
    space.ect0 = counts.ect0;
    space.ect1 = counts.ect1;
    space.ce = counts.ce;
    const decreased = ect0 < 0 || ect1 < 0 || ce < 0;
    const missing = ect0 + ce < newlyAckedMarked;
    // ECT(1) is never sent here, so a count of it means that something remarks.
    if (decreased || missing || counts.ect1 > 0 || counts.ect0 + counts.ce > space.sent) {
      this.#fail();
      return false;
    }
    if (newlyAckedMarked > 0) this.#state = "capable";
    return ce > 0;
  }

  #fail(): void {
    this.#state = "failed";
    this.#codepoint = Ecn.notEct;
    for (const space of this.#spaces) space.marked.clear();
  }

  /** The keys of a level are gone, and its acknowledgements with them. */
  discardSpace(level: Level): void {
    this.#spaces[level]!.marked.clear();
  }
}
