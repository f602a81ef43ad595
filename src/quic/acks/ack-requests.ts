/**
 * What we ask of a peer that supports draft-ietf-quic-ack-frequency: fewer acknowledgements while the window is large.
 * A few per round trip are enough for recovery and congestion control, and each one costs both sides a packet.
 */

import { type Micros, micros } from "../../base/time.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitAckFrequency } from "../frame/index.ts";
import type { SentFrame, SequenceOwner } from "../recovery/sent-packet.ts";

/** §8: acknowledgements per round trip. */
const ACKS_PER_ROUND = 8;
const MAX_THRESHOLD = 32;

/** Room for the longest frame. */
const FRAME_ROOM = 2 + 8 + 2 + 8 + 2;

interface Request {
  readonly sequence: number;
  readonly threshold: number;
  readonly maxAckDelay: Micros;
  readonly reordering: number;
}

export class AckRequests implements SequenceOwner {
  /** The peer's min_ack_delay; undefined if it does not take requests. */
  #minAckDelay: Micros | undefined;
  #maxAckDelay = micros(0);
  #current: Request = { sequence: -1, threshold: 1, maxAckDelay: micros(0), reordering: 1 };
  #isPending = false;
  /** The delay that the peer is known to use. */
  #confirmedDelay = micros(0);

  /** Call with the peer's parameters, if this side makes requests. */
  enable(minAckDelay: Micros, maxAckDelay: Micros): void {
    this.#minAckDelay = minAckDelay;
    this.#maxAckDelay = maxAckDelay;
    this.#confirmedDelay = maxAckDelay;
    this.#current = { ...this.#current, maxAckDelay };
  }

  /** True if the peer takes IMMEDIATE_ACK frames. */
  get isEnabled(): boolean {
    return this.#minAckDelay !== undefined;
  }

  get hasFrame(): boolean {
    return this.#isPending;
  }

  /** §7: the largest delay that the peer may use, for probe timeouts. */
  get maxAckDelay(): Micros {
    return micros(Math.max(this.#confirmedDelay, this.#current.maxAckDelay));
  }

  /** Asks for another frequency if the window, in packets, has changed much. */
  update(windowPackets: number, smoothedRtt: Micros, reordering: number): void {
    if (this.#minAckDelay === undefined) return;
    const threshold = Math.max(1, Math.min(MAX_THRESHOLD, Math.floor(windowPackets / ACKS_PER_ROUND)));
    const current = this.#current;
    const isClose = threshold < 2 * current.threshold && current.threshold < 2 * threshold;
    if (isClose && reordering === current.reordering) return;
    const quarter = Math.max(this.#minAckDelay, Math.min(this.#maxAckDelay, smoothedRtt / 4));
    this.#current = { sequence: current.sequence + 1, threshold, maxAckDelay: micros(quarter), reordering };
    this.#isPending = true;
  }

  writeFrame(writer: Writer, frames: SentFrame[]): void {
    if (!this.#isPending || writer.remaining < FRAME_ROOM) return;
    emitAckFrequency(writer, this.#current);
    frames.push({ type: "ack-frequency", owner: this, sequence: this.#current.sequence });
    this.#isPending = false;
  }

  handleAcked(sequence: number): void {
    if (sequence === this.#current.sequence) this.#confirmedDelay = this.#current.maxAckDelay;
  }

  handleLost(sequence: number): void {
    if (sequence === this.#current.sequence) this.#isPending = true;
  }
}
