/**
 * Limits the work that a peer causes without progress (RFC 9000 §21.9). Packets and frames cost; new stream data, datagrams
 * that are read, and the acknowledgement of ours earn. If the costs exceed the earnings for too long, the connection closes.
 *
 * Packets that fail to decrypt have a limit of their own: anyone who knows a connection id can forge them, so they may cause
 * packet loss, but must not close the connection.
 */

import { ProtocolError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";

/** Costs, in 1/32 of the work for a small packet, which takes about 15 µs. */
export const WORK = {
  packet: 32,
  frame: 4,
  ackRange: 1,
  /** After the handshake: a session ticket may have less than 20 bytes, and its key must be derived. */
  cryptoByte: 1,
} as const;

/** Earnings, in the same unit. A packet with 576 new bytes pays for itself. */
const BYTES_PER_UNIT = 16;
const ACKED_FRAME = 32;
/** For a complete response, whose request may have had as few as 20 bytes. */
const ENDED_STREAM = 256;

/** 10,000 packets without progress, plus 4,000 per second, which take about 6 % of a core. */
const CAPACITY = 10_000 * WORK.packet;
const PER_SECOND = 4_000 * WORK.packet;

/**
 * With less than this left, only `RESTRAINED_SHARE` datagrams per batch are processed, so that others are served
 * first.
 */
const RESTRAINED_BELOW = CAPACITY / 2;
const RESTRAINED_SHARE = 8;

/** The number of packets that may fail to decrypt at once, and per second. */
const FAILURES = 2_000;

const MICROS = 1_000_000;

/** Closes the connection with the code set by `setExcessiveLoadCode`, or else PROTOCOL_VIOLATION. */
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

  /** Throws `ExcessiveLoad` if the budget is exhausted. */
  spend(work: number): void {
    this.#left -= work;
    if (this.#left >= 0) return;
    // Never refilled: a closing connection must not cause more work.
    this.#left = Number.NEGATIVE_INFINITY;
    throw new ExcessiveLoad();
  }

  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** The number of datagrams to process per batch. */
  get share(): number {
    return this.#left < RESTRAINED_BELOW ? RESTRAINED_SHARE : Number.POSITIVE_INFINITY;
  }

  onPacketFailed(): void {
    this.#failuresLeft -= 1;
  }

  /** False while too many packets have failed to decrypt. */
  get mayDecrypt(): boolean {
    return this.#failuresLeft >= 1;
  }

  onStreamData(freshBytes: number): void {
    this.#earn(freshBytes / BYTES_PER_UNIT);
  }

  /** The application took a datagram: one that nobody reads is no progress. */
  onDatagramRead(bytes: number): void {
    this.#earn(bytes / BYTES_PER_UNIT);
  }

  onStreamFrameAcked(bytes: number, fin: boolean): void {
    this.#earn(bytes / BYTES_PER_UNIT + (fin ? ENDED_STREAM : ACKED_FRAME));
  }

  #earn(work: number): void {
    this.#left = Math.min(CAPACITY, this.#left + work);
  }
}
