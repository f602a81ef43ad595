/**
 * Flow control (RFC 9000 §4): two counters, used by streams and the connection: the credit that the peer grants us, and
 * the window that we grant the peer.
 */

import { type Instant, type Micros, since } from "../../base/time.ts";

/** The credit granted by the peer. We report being blocked once for each value of the limit (RFC 9000 §4.1). */
export class SendCredit {
  #limit: number;
  #used = 0;
  #reported = -1;
  #blockedIsDue = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  get used(): number {
    return this.#used;
  }

  get available(): number {
    return this.#limit - this.#used;
  }

  /** True if a DATA_BLOCKED or STREAM_DATA_BLOCKED frame is pending. */
  get blockedIsDue(): boolean {
    return this.#blockedIsDue;
  }

  use(bytes: number): void {
    this.#used += bytes;
  }

  /** Returns true if the limit grew; a smaller one is ignored (RFC 9000 §4.1). */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    this.#blockedIsDue = false;
    return true;
  }

  /** Starts again with another limit, as if nothing had been sent: the peer rejected 0-RTT (RFC 9001 §4.6.2). */
  restart(limit: number): void {
    this.#limit = limit;
    this.#used = 0;
    this.#reported = -1;
    this.#blockedIsDue = false;
  }

  /** Notes that there is data to send but no credit, so that the peer is notified once. */
  noteBlocked(): void {
    if (this.#reported === this.#limit) return;
    this.#reported = this.#limit;
    this.#blockedIsDue = true;
  }

  /** The limit for the frame that is now written. */
  reportBlocked(): number {
    this.#blockedIsDue = false;
    return this.#limit;
  }

  /** The frame that reported `limit` was lost: report it again if it still blocks us (RFC 9000 §13.3). */
  handleReportLost(limit: number): void {
    if (limit === this.#limit) this.#reported = -1;
  }

  cancelReport(): void {
    this.#blockedIsDue = false;
  }
}

/**
 * The credit that we grant. It follows consumption, never the highest offset received, so that a byte at the far end of
 * the window gains nothing. The window doubles if the peer uses half of it within two round trips.
 *
 * A connection's window has one exception, so that unread streams do not starve others: readable bytes do not count
 * against it, up to `maxUnread` in total. Bytes after a gap still do.
 */
export class ReceiveWindow {
  readonly #maximum: number;
  readonly #maxUnread: number;
  #window: number;
  #limit: number;
  #received = 0;
  #consumed = 0;
  /** Readable bytes. */
  #unread = 0;
  /** Bytes that the application has read since the last announcement. */
  #taken = 0;
  #announcedAt: Instant | undefined = undefined;
  #isDue = false;

  constructor(initial: number, maximum: number, maxUnread = 0) {
    this.#maxUnread = maxUnread;
    this.#window = initial;
    this.#limit = initial;
    this.#maximum = Math.max(initial, maximum);
  }

  /** The highest limit announced; the peer must not send bytes at or above it. */
  get limit(): number {
    return this.#limit;
  }

  /** The number of bytes that the peer has used. */
  get received(): number {
    return this.#received;
  }

  get consumed(): number {
    return this.#consumed;
  }

  get window(): number {
    return this.#window;
  }

  /** True if a MAX_DATA or MAX_STREAM_DATA frame is pending. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** True if `bytes` more would exceed the limit. */
  exceededBy(bytes: number): boolean {
    return this.#received + bytes > this.#limit;
  }

  receive(bytes: number, now: Instant): void {
    this.#received += bytes;
    this.#announcedAt ??= now;
  }

  /** The application has read `bytes`, so that much more may arrive. */
  consume(bytes: number): void {
    this.#taken += bytes;
    this.discard(bytes);
  }

  /** `bytes` were dropped unread: that much more may arrive, but it does not enlarge the window. */
  discard(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isHalfUsed || this.#isExtensible) this.#isDue = true;
  }

  /** Call when the number of readable bytes has changed. */
  changeUnread(by: number): void {
    this.#unread += by;
    if (by > 0 && this.#isExtensible) this.#isDue = true;
  }

  /** The limit if unread bytes do not count. */
  get #extended(): number {
    return this.#consumed + this.#window + Math.max(0, Math.min(this.#unread, this.#maxUnread - this.#window));
  }

  /** True if the peer will soon be blocked, and an extension is large enough to be worth a frame. */
  get #isExtensible(): boolean {
    const quarter = this.#window / 4;
    return this.#limit - this.#received <= quarter && this.#extended - this.#limit >= quarter;
  }

  get #isHalfUsed(): boolean {
    return (this.#limit - this.#consumed) * 2 <= this.#window;
  }

  /** The peer says that it is blocked: announce without waiting until half the window is used. */
  handleBlocked(): void {
    if (this.#consumed + this.#window > this.#limit || this.#isExtensible) this.#isDue = true;
  }

  /** The new limit for the frame that is now written. */
  announce(now: Instant, rtt: Micros): number {
    if (this.#isHalfUsed) {
      const isFast = this.#announcedAt !== undefined && since(this.#announcedAt, now) < 2 * rtt;
      if (isFast && this.#taken * 2 >= this.#window) this.#window = Math.min(this.#window * 2, this.#maximum);
      this.#announcedAt = now;
      this.#taken = 0;
    }
    const limit = this.#isExtensible ? this.#extended : this.#consumed + this.#window;
    this.#limit = Math.max(this.#limit, limit);
    this.#isDue = false;
    return this.#limit;
  }

  /** The frame that announced `limit` was lost: announce again unless a newer one is in flight (RFC 9000 §13.3). */
  handleAnnouncementLost(limit: number): void {
    if (limit === this.#limit) this.#isDue = true;
  }

  cancelAnnouncement(): void {
    this.#isDue = false;
  }
}
