/** When to ask a silent peer for a sign of life, and when to give up (RFC 9000 §10.1, and QX_PING of the draft). */

import { after, earliest, type Instant, millis } from "../../base/time.ts";

/** The peer announces its parameters within this time, or the session fails. */
const BEGIN_TIMEOUT = millis(10_000);
/** Of the idle timeout: silence in either direction for this part of it is worth a ping. */
const PING_AFTER = 1 / 3;

export class Idle {
  #received: Instant;
  #sent: Instant;
  #pinged: Instant;
  /** Milliseconds; undefined until the peer has announced its own, 0 for none. */
  #timeout: number | undefined;

  constructor(now: Instant) {
    this.#received = now;
    this.#sent = now;
    this.#pinged = now;
  }

  /** The lower one of both sides' timeouts counts; 0 means none. */
  begin(ours: number, theirs: number): void {
    const stated = [ours, theirs].filter((each) => each > 0);
    this.#timeout = stated.length === 0 ? 0 : Math.min(...stated);
  }

  handleReceived(now: Instant): void {
    this.#received = now;
  }

  handleSent(now: Instant): void {
    this.#sent = now;
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#deadline(), this.#pingAt());
  }

  /** "ping" is due until the next call: it counts as sent. */
  check(now: Instant): "ping" | "idle" | "never-began" | undefined {
    const deadline = this.#deadline();
    if (deadline !== undefined && now >= deadline) return this.#timeout === undefined ? "never-began" : "idle";
    const pingAt = this.#pingAt();
    if (pingAt === undefined || now < pingAt) return undefined;
    this.#pinged = now;
    return "ping";
  }

  #deadline(): Instant | undefined {
    if (this.#timeout === undefined) return after(this.#received, BEGIN_TIMEOUT);
    return this.#timeout === 0 ? undefined : after(this.#received, millis(this.#timeout));
  }

  #pingAt(): Instant | undefined {
    if (this.#timeout === undefined || this.#timeout === 0) return undefined;
    const quiet = Math.max(this.#pinged, Math.min(this.#sent, this.#received)) as Instant;
    return after(quiet, millis(this.#timeout * PING_AFTER));
  }
}
