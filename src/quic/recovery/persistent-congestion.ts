/**
 * Persistent congestion (RFC 9002 §7.6): everything sent over a long time was lost. In one packet number space, that is
 * a run of lost packets of one route without a gap, from one ack-eliciting packet to another.
 */

import type { Instant, Micros } from "../../base/time.ts";
import type { Route } from "../route/route.ts";
import type { SentPacket } from "./sent-packet.ts";
import type { SkippedNumbers } from "./skipped-numbers.ts";

/** The value before the first packet of a run: no packet number continues it. */
const NONE = -2;

export class LostRun {
  /** When the first ack-eliciting packet of the run was sent; undefined until there is one. */
  #start: Instant | undefined;
  #lastPacketNumber = NONE;
  #route: Route | undefined;

  /**
   * Adds the next lost packet, in order of packet number. Both ends of the run must have been sent after `notBefore`,
   * which is undefined before the first RTT sample. Returns true if the run has lasted for `duration`.
   */
  add(
    packet: SentPacket,
    skipped: SkippedNumbers | undefined,
    notBefore: Instant | undefined,
    duration: Micros,
  ): boolean {
    if (packet.route !== this.#route || !this.#isContinuedBy(packet.packetNumber, skipped)) this.#start = undefined;
    this.#route = packet.route;
    this.#lastPacketNumber = packet.packetNumber;
    if (!packet.ackEliciting || notBefore === undefined || packet.timeSent <= notBefore) return false;
    if (this.#start === undefined || this.#start <= notBefore) this.#start = packet.timeSent;
    return packet.timeSent - this.#start >= duration;
  }

  /** A gap of acknowledged packets ends a run; a number that was never sent does not. */
  #isContinuedBy(packetNumber: number, skipped: SkippedNumbers | undefined): boolean {
    const expected = this.#lastPacketNumber + 1;
    return packetNumber === expected || (packetNumber === expected + 1 && skipped?.has(expected) === true);
  }

  /** Ends the run, after it has had its effect. */
  reset(): void {
    this.#start = undefined;
    this.#lastPacketNumber = NONE;
  }
}
