/**
 * The end of a connection (RFC 9000 §10): its reason, and what must still be sent. While closing we repeat
 * CONNECTION_CLOSE in response to further datagrams, less and less often; while draining we send nothing.
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
  /** True if a CONNECTION_CLOSE must be sent with the next packet. */
  isFramePending = false;
  #received = 0;
  #respondAt = 1;

  get state(): Lifecycle {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state.type === "open";
  }

  get isClosed(): boolean {
    return this.#state.type === "closed";
  }

  /** We close the connection and tell the peer (RFC 9000 §10.2.1). Returns false if it was not open. */
  close(reason: CloseReason, wait: Micros, now: Instant): boolean {
    if (this.#state.type !== "open") return false;
    this.#state = { type: "closing", reason, until: after(now, wait) };
    this.isFramePending = true;
    return true;
  }

  /** The peer closed the connection (RFC 9000 §10.2.2). Returns true if it was open. */
  drain(reason: CloseReason, wait: Micros, now: Instant): boolean {
    const wasOpen = this.#state.type === "open";
    if (wasOpen || this.#state.type === "closing") {
      this.isFramePending = false;
      const kept = this.#state.type === "closing" ? this.#state.reason : reason;
      this.#state = { type: "draining", reason: kept, until: after(now, wait) };
    }
    return wasOpen;
  }

  /** Closes immediately and silently: idle timeout, stateless reset. Returns true if it was open. */
  abandon(reason: CloseReason): boolean {
    this.isFramePending = false;
    if (this.#state.type !== "open") {
      this.#state = { type: "closed", reason: this.#state.reason };
      return false;
    }
    this.#state = { type: "closed", reason };
    return true;
  }

  /** A datagram arrived while closing. The 1st, 2nd, 4th, 8th … one is answered (RFC 9000 §10.2.1). */
  handleDatagram(): void {
    if (this.#state.type !== "closing") return;
    this.#received += 1;
    if (this.#received >= this.#respondAt) {
      this.#respondAt *= 2;
      this.isFramePending = true;
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
