/**
 * What a peer may make us do for nothing (RFC 9000 §21.9): every packet and frame is work, and what brings the application
 * on pays it back: new stream data, and the acknowledgement of ours. A peer whose work outweighs its progress for long
 * loses the connection.
 *
 * Forgeries are counted apart. Anybody who has seen a connection id can send them, so they may cost packets, but never the
 * connection.
 */

import { ProtocolError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";

/** Work in 32nds of a small packet's, which is about 15 µs. */
export const WORK = {
  packet: 32,
  /** A datagram that was dropped unopened. */
  shedDatagram: 8,
  frame: 4,
  ackRange: 1,
} as const;

/** Progress in the same unit. A packet of 576 new bytes pays for itself. */
const BYTES_PER_UNIT = 16;
const ACKED_FRAME = 32;
/** A response that has arrived whole: it was a request's, which may have taken no more than 20 bytes. */
const ENDED_STREAM = 256;

/** 10,000 packets for nothing at once, and 4,000 in each second: some 6 % of a core. */
const CAPACITY = 10_000 * WORK.packet;
const PER_SECOND = 4_000 * WORK.packet;

/** Below this a connection takes turns of so many datagrams, so that others are served before it is judged. */
const RESTRAINED_BELOW = CAPACITY / 2;
const RESTRAINED_SHARE = 8;

/** Packets that may fail to open at once, and in each second. */
const FAILURES = 2_000;

const MICROS = 1_000_000;

/** The connection ends with the code that the application gave for it, or PROTOCOL_VIOLATION. */
export class ExcessiveLoad extends ProtocolError {
  constructor() {
    super("transport", TRANSPORT_ERRORS.PROTOCOL_VIOLATION, "connection", "too much work for too little progress");
  }
}

export class WorkBudget {
  #left = CAPACITY;
  #failuresLeft = FAILURES;
  #at: Instant;

  constructor(now: Instant) {
    this.#at = now;
  }

  refill(now: Instant): void {
    const elapsed = (now - this.#at) / MICROS;
    if (elapsed <= 0) return;
    this.#at = now;
    this.#left = Math.min(CAPACITY, this.#left + elapsed * PER_SECOND);
    this.#failuresLeft = Math.min(FAILURES, this.#failuresLeft + elapsed * FAILURES);
  }

  /** Throws when all is spent. */
  spend(work: number): void {
    this.#left -= work;
    if (this.#left >= 0) return;
    // For good: the peer of a connection that closes gets no more work out of it.
    this.#left = Number.NEGATIVE_INFINITY;
    throw new ExcessiveLoad();
  }

  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** How many datagrams of one wake-up are opened. */
  get share(): number {
    return this.#left < RESTRAINED_BELOW ? RESTRAINED_SHARE : Number.POSITIVE_INFINITY;
  }

  onPacketFailed(): void {
    this.#failuresLeft -= 1;
  }

  /** False while too many packets have failed to open: what comes is dropped before it is tried. */
  get mayOpen(): boolean {
    return this.#failuresLeft >= 1;
  }

  onStreamData(freshBytes: number): void {
    this.#earn(freshBytes / BYTES_PER_UNIT);
  }

  onStreamFrameAcked(bytes: number, fin: boolean): void {
    this.#earn(bytes / BYTES_PER_UNIT + (fin ? ENDED_STREAM : ACKED_FRAME));
  }

  #earn(work: number): void {
    this.#left = Math.min(CAPACITY, this.#left + work);
  }
}
