/** How many streams may be open (RFC 9000 §4.6), for one direction: those we open and those the peer opens. */

import { transportError } from "../errors.ts";

/** Streams that we open, limited by the peer. */
export class LocalStreams {
  #limit = 0;
  #opened = 0;
  #wanted = false;
  #reported = -1;
  #blockedIsDue = false;

  get opened(): number {
    return this.#opened;
  }

  get limit(): number {
    return this.#limit;
  }

  /** True if opening a stream was refused and still is. */
  get isWanted(): boolean {
    return this.#wanted;
  }

  /** True if a STREAMS_BLOCKED frame is pending. */
  get blockedIsDue(): boolean {
    return this.#blockedIsDue;
  }

  /** Opens all streams up to and including `index` (RFC 9000 §2.1). Returns false if that exceeds the limit. */
  openUpTo(index: number): boolean {
    if (index < this.#limit) {
      this.#opened = index + 1;
      return true;
    }
    this.#wanted = true;
    if (this.#reported !== this.#limit) {
      this.#reported = this.#limit;
      this.#blockedIsDue = true;
    }
    return false;
  }

  /** Raises the limit. Returns true if opening a stream was refused before and is now possible. */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    this.#blockedIsDue = false;
    const wanted = this.#wanted;
    this.#wanted = false;
    return wanted;
  }

  /** Forgets the limit, which applied to 0-RTT only. The next one may be lower. */
  restart(): void {
    this.#limit = 0;
    this.#reported = -1;
    this.#blockedIsDue = false;
  }

  /** The limit for the frame that is now written. */
  reportBlocked(): number {
    this.#blockedIsDue = false;
    return this.#limit;
  }

  handleReportLost(limit: number): void {
    if (limit === this.#limit && this.#wanted) this.#blockedIsDue = true;
  }
}

/** Streams that the peer opens, limited by us. A finished stream makes room for a new one. */
export class PeerStreams {
  readonly #concurrent: number;
  #limit: number;
  #opened = 0;
  #finished = 0;
  #isDue = false;

  constructor(concurrent: number) {
    this.#concurrent = concurrent;
    this.#limit = concurrent;
  }

  get opened(): number {
    return this.#opened;
  }

  /** The number of streams open now. */
  get active(): number {
    return this.#opened - this.#finished;
  }

  get limit(): number {
    return this.#limit;
  }

  /** True if a MAX_STREAMS frame is pending. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Opens all streams up to and including `index` (RFC 9000 §3.2). */
  openUpTo(index: number, where: string): void {
    if (index >= this.#limit) {
      throw transportError(
        "STREAM_LIMIT_ERROR",
        where,
        `stream number ${index} exceeds the limit of ${this.#limit} streams`,
      );
    }
    this.#opened = index + 1;
  }

  finish(): void {
    this.#finished += 1;
    const unannounced = this.#finished + this.#concurrent - this.#limit;
    // Rarely while the peer has many left, immediately when it has none.
    if (unannounced * 4 >= this.#limit - this.#opened) this.#isDue = true;
  }

  /** The peer says that it is blocked: announce any new limit now. */
  handleBlocked(): void {
    if (this.#finished + this.#concurrent > this.#limit) this.#isDue = true;
  }

  /** The new limit for the frame that is now written. */
  announce(): number {
    this.#limit = this.#finished + this.#concurrent;
    this.#isDue = false;
    return this.#limit;
  }

  /** The frame that announced `limit` was lost: announce again unless a newer one is in flight (RFC 9000 §13.3). */
  handleAnnouncementLost(limit: number): void {
    if (limit === this.#limit) this.#isDue = true;
  }
}
