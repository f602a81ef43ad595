/**
 * Flow control (RFC 9000 §4) as two counters that streams and the connection share: the credit the peer gave us, and
 * the window we give the peer.
 */

import { type Instant, type Micros, since } from "../../base/time.ts";

/** The credit the peer gave. That it stops us is told once for each value of the limit (RFC 9000 §4.1). */
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

  /** Is a DATA_BLOCKED or STREAM_DATA_BLOCKED frame waiting to be written? */
  get blockedIsDue(): boolean {
    return this.#blockedIsDue;
  }

  use(bytes: number): void {
    this.#used += bytes;
  }

  /** True when the limit grew; a smaller one is ignored (RFC 9000 §4.1). */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    this.#blockedIsDue = false;
    return true;
  }

  /** There is data to send and no credit: worth telling the peer, once. */
  noteBlocked(): void {
    if (this.#reported === this.#limit) return;
    this.#reported = this.#limit;
    this.#blockedIsDue = true;
  }

  /** The limit to report in the frame that is being written. */
  reportBlocked(): number {
    this.#blockedIsDue = false;
    return this.#limit;
  }

  /** The frame that reported `limit` was lost: if it still holds us up, it is to be said again (RFC 9000 §13.3). */
  handleReportLost(limit: number): void {
    if (limit === this.#limit) this.#reported = -1;
  }

  cancelReport(): void {
    this.#blockedIsDue = false;
  }
}

/**
 * The credit we give. It follows what was consumed, never the highest offset received, so that a byte at the far end of
 * the window buys nothing. The window doubles when the peer uses half of it within two round trips.
 */
export class ReceiveWindow {
  readonly #maximum: number;
  #window: number;
  #limit: number;
  #received = 0;
  #consumed = 0;
  /** Bytes the application took since the last announcement. */
  #taken = 0;
  #announcedAt: Instant | undefined = undefined;
  #isDue = false;

  constructor(initial: number, maximum: number) {
    this.#window = initial;
    this.#limit = initial;
    this.#maximum = Math.max(initial, maximum);
  }

  /** The highest value announced: no byte at or past it may come. */
  get limit(): number {
    return this.#limit;
  }

  /** How many bytes the peer has used of the limit. */
  get received(): number {
    return this.#received;
  }

  get consumed(): number {
    return this.#consumed;
  }

  get window(): number {
    return this.#window;
  }

  /** Is a MAX_DATA or MAX_STREAM_DATA frame waiting to be written? */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Would `bytes` more break the limit? */
  exceededBy(bytes: number): boolean {
    return this.#received + bytes > this.#limit;
  }

  receive(bytes: number, now: Instant): void {
    this.#received += bytes;
    this.#announcedAt ??= now;
  }

  /** The application took `bytes`: that much more may come. */
  consume(bytes: number): void {
    this.#taken += bytes;
    this.discard(bytes);
  }

  /** `bytes` of the limit were dropped unread: that much more may come, but it is no reason for a larger window. */
  discard(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isHalfUsed) this.#isDue = true;
  }

  get #isHalfUsed(): boolean {
    return (this.#limit - this.#consumed) * 2 <= this.#window;
  }

  /** The peer says it is blocked: do not wait until half the window is used. */
  handleBlocked(): void {
    if (this.#consumed + this.#window > this.#limit) this.#isDue = true;
  }

  /** The new limit for the frame that is being written. */
  announce(now: Instant, rtt: Micros): number {
    if (this.#isHalfUsed) {
      const isFast = this.#announcedAt !== undefined && since(this.#announcedAt, now) < 2 * rtt;
      if (isFast && this.#taken * 2 >= this.#window) this.#window = Math.min(this.#window * 2, this.#maximum);
      this.#announcedAt = now;
      this.#taken = 0;
    }
    this.#limit = Math.max(this.#limit, this.#consumed + this.#window);
    this.#isDue = false;
    return this.#limit;
  }

  /** The frame that announced `limit` was lost: announce again unless a newer one is on its way (RFC 9000 §13.3). */
  handleAnnouncementLost(limit: number): void {
    if (limit === this.#limit) this.#isDue = true;
  }

  cancelAnnouncement(): void {
    this.#isDue = false;
  }
}
