/**
 * The end of a connection (RFC 9000 §10): who ended it, and what is still owed to the peer. While closing we repeat
 * CONNECTION_CLOSE for what still arrives, less and less often; while draining we are silent.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { CloseReason } from "../transport.ts";

export type Lifecycle =
  | { readonly type: "open" }
  | { readonly type: "closing"; readonly reason: CloseReason; readonly until: Instant }
  | { readonly type: "draining"; readonly reason: CloseReason; readonly until: Instant }
  | { readonly type: "closed"; readonly reason: CloseReason };

export class Closing {
  #state: Lifecycle = { type: "open" };
  /** A CONNECTION_CLOSE has to leave with the next packet. */
  isFrameOwed = false;
  #received = 0;
  #answerAt = 1;

  get state(): Lifecycle {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state.type === "open";
  }

  get isClosed(): boolean {
    return this.#state.type === "closed";
  }

  /** We end it and tell the peer (RFC 9000 §10.2.1). */
  close(reason: CloseReason, wait: Micros, now: Instant): boolean {
    if (this.#state.type !== "open") return false;
    this.#state = { type: "closing", reason, until: after(now, wait) };
    this.isFrameOwed = true;
    return true;
  }

  /** The peer ended it (RFC 9000 §10.2.2). */
  drain(reason: CloseReason, wait: Micros, now: Instant): boolean {
    const wasOpen = this.#state.type === "open";
    if (wasOpen || this.#state.type === "closing") {
      this.isFrameOwed = false;
      const kept = this.#state.type === "closing" ? this.#state.reason : reason;
      this.#state = { type: "draining", reason: kept, until: after(now, wait) };
    }
    return wasOpen;
  }

  /** Over at once and in silence: idle timeout, stateless reset. */
  abandon(reason: CloseReason): boolean {
    this.isFrameOwed = false;
    if (this.#state.type !== "open") {
      this.#state = { type: "closed", reason: this.#state.reason };
      return false;
    }
    this.#state = { type: "closed", reason };
    return true;
  }

  /** A datagram arrived while closing: answered the 1st, 2nd, 4th, 8th … time (RFC 9000 §10.2.1). */
  handleDatagram(): void {
    if (this.#state.type !== "closing") return;
    this.#received += 1;
    if (this.#received >= this.#answerAt) {
      this.#answerAt *= 2;
      this.isFrameOwed = true;
    }
  }

  get deadline(): Instant | undefined {
    return this.#state.type === "closing" || this.#state.type === "draining" ? this.#state.until : undefined;
  }

  handleTimeout(now: Instant): void {
    if ((this.#state.type === "closing" || this.#state.type === "draining") && now >= this.#state.until) {
      this.#state = { type: "closed", reason: this.#state.reason };
    }
  }
}
