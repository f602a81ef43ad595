/**
 * When a receiver acknowledges: by default as RFC 9000 §13.2 says, or as the sender asked with ACK_FREQUENCY frames
 * (draft-ietf-quic-ack-frequency).
 */

import type { RangeSet } from "../../base/range-set.ts";
import { type Micros, micros } from "../../base/time.ts";
import { transportError } from "../errors.ts";
import type { AckFrequencyFrame } from "../frame/frames.ts";

/** RFC 9000 §18.2: max_ack_delay is less than 2^14 milliseconds. */
const MAX_ACK_DELAY = 2 ** 14 * 1_000;

export class AckPolicy {
  /** More ack-eliciting packets than this are acknowledged immediately. RFC 9000 §13.2.2: every second one. */
  threshold = 1;
  maxAckDelay: Micros;
  /** Packets that arrive this much out of order are acknowledged immediately; 0 means never. */
  reordering = 1;
  /** The largest sequence number of the frames processed. */
  #sequence = -1;

  constructor(maxAckDelay: Micros) {
    this.maxAckDelay = maxAckDelay;
  }

  /** `minAckDelay` is what we announced. */
  handleFrame(frame: AckFrequencyFrame, minAckDelay: Micros): void {
    const { sequence, threshold, maxAckDelay, reordering } = frame;
    if (maxAckDelay < minAckDelay || maxAckDelay >= MAX_ACK_DELAY) {
      throw transportError("PROTOCOL_VIOLATION", "ACK_FREQUENCY", `${maxAckDelay} µs is not a legal max_ack_delay`);
    }
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    this.threshold = threshold;
    this.maxAckDelay = micros(maxAckDelay);
    this.reordering = reordering;
  }

  /**
   * §6.2: true if the sender needs to learn of a gap now. `largest` is the largest ack-eliciting packet received,
   * `reported` the largest that an ACK reported.
   */
  isGapDue(packetNumber: number, largest: number, reported: number, received: RangeSet, oldest: number): boolean {
    if (this.reordering === 0) return false;
    const reportedMissing = reported < 0 ? -1 : reported - this.reordering;
    // The sender has already declared it lost.
    if (packetNumber < largest && packetNumber <= reportedMissing) return true;
    const from = Math.max(reportedMissing + 1, oldest, 0);
    const to = largest - this.reordering + 1;
    return from < to && !received.covers(from, to);
  }
}
