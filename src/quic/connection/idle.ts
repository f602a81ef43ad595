/** The idle timeout (RFC 9000 §10.1): the smaller of both sides' announcements, but at least three PTOs. */

import { after, type Instant, type Micros } from "../../base/time.ts";

export class IdleTimer {
  /** First our timeout, then the smaller of both; 0 means never. */
  #timeout: number;
  #since: Instant;
  /** RFC 9000 §10.1: only the first ack-eliciting packet after one was received restarts the timer. */
  #sentSinceReceived = false;
  #keptAliveAt: Instant;

  constructor(ours: Micros, now: Instant) {
    this.#timeout = ours;
    this.#since = now;
    this.#keptAliveAt = now;
  }

  setPeerTimeout(theirs: Micros): void {
    if (theirs === 0) return;
    this.#timeout = this.#timeout === 0 ? theirs : Math.min(this.#timeout, theirs);
  }

  onPacketReceived(now: Instant): void {
    this.#since = now;
    this.#sentSinceReceived = false;
  }

  onAckElicitingSent(now: Instant): void {
    if (this.#sentSinceReceived) return;
    this.#sentSinceReceived = true;
    this.#since = now;
  }

  /** A PING was requested to keep the path alive. */
  onKeptAlive(now: Instant): void {
    this.#keptAliveAt = now;
  }

  /** The start of the keep-alive interval. Unanswered PINGs count, so that a dead peer gets one per interval. */
  get keptAliveSince(): Instant {
    return Math.max(this.#keptAliveAt, this.#since) as Instant;
  }

  deadline(pto: Micros): Instant | undefined {
    if (this.#timeout === 0) return undefined;
    return after(this.#since, Math.max(this.#timeout, 3 * pto) as Micros);
  }
}
