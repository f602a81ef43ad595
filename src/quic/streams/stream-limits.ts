/** How many streams there may be (RFC 9000 §4.6), in one direction each: those we open and those the peer opens. */

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

  /** Is a STREAMS_BLOCKED frame waiting to be written? */
  get blockedIsDue(): boolean {
    return this.#blockedIsDue;
  }

  /** Opens all streams up to and including `index` (RFC 9000 §2.1). False when that is beyond the limit. */
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

  /** True when somebody was refused before and can now be served. */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    this.#blockedIsDue = false;
    const wanted = this.#wanted;
    this.#wanted = false;
    return wanted;
  }

  /** The limit to report in the frame that is being written. */
  reportBlocked(): number {
    this.#blockedIsDue = false;
    return this.#limit;
  }

  handleReportLost(limit: number): void {
    if (limit === this.#limit && this.#wanted) this.#blockedIsDue = true;
  }
}

/** Streams that the peer opens, limited by us. A stream that is finished makes room for a new one. */
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

  /** How many are open now. */
  get active(): number {
    return this.#opened - this.#finished;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Is a MAX_STREAMS frame waiting to be written? */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Opens all streams up to and including `index` (RFC 9000 §3.2). */
  openUpTo(index: number, where: string): void {
    if (index >= this.#limit) {
      throw transportError("STREAM_LIMIT_ERROR", where, `stream number ${index} where ${this.#limit} are allowed`);
    }
    this.#opened = index + 1;
  }

  finish(): void {
    this.#finished += 1;
    const unannounced = this.#finished + this.#concurrent - this.#limit;
    // Rarely while the peer has many left, at once when it has none.
    if (unannounced * 4 >= this.#limit - this.#opened) this.#isDue = true;
  }

  /** The peer says it is blocked: announce whatever there is. */
  handleBlocked(): void {
    if (this.#finished + this.#concurrent > this.#limit) this.#isDue = true;
  }

  /** The new limit for the frame that is being written. */
  announce(): number {
    this.#limit = this.#finished + this.#concurrent;
    this.#isDue = false;
    return this.#limit;
  }

  /** The frame that announced `limit` was lost: announce again unless a newer one is on its way (RFC 9000 §13.3). */
  handleAnnouncementLost(limit: number): void {
    if (limit === this.#limit) this.#isDue = true;
  }
}
