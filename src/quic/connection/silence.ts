/**
 * How a client notices that its server no longer answers, long before the idle timeout: it counts consecutive probe timeouts
 * (RFC 9002 §6.2) without a packet from the server. Any packet ends the silence.
 */

import { after, type Instant, type Micros, micros } from "../../base/time.ts";

/** Because of the backoff, this takes three times the probe timeout. */
const SILENT_AFTER = 2;

/** Probe timeouts within which a server must answer a last probe. */
const LAST_WAIT = 3;

export class Silence {
  /** Probe timeouts since the last packet arrived. */
  #timeouts = 0;
  #received = 0;
  /** When to give up the connection. */
  deadline: Instant | undefined;

  /** 0 while the peer is not silent. */
  get probeTimeouts(): number {
    return this.#timeouts >= SILENT_AFTER ? this.#timeouts : 0;
  }

  /** `received` counts all packets received so far. */
  onProbeTimeout(received: number): void {
    if (received !== this.#received) this.#timeouts = 0;
    this.#received = received;
    this.#timeouts += 1;
  }

  /** Returns true if this ends a silence. */
  onReceived(received: number): boolean {
    if (this.#timeouts === 0 || received === this.#received) return false;
    const wasSilent = this.probeTimeouts > 0;
    this.#timeouts = 0;
    this.deadline = undefined;
    return wasSilent;
  }

  /** Call when a last probe is sent: sets the deadline for an answer. */
  expectAnswer(pto: Micros, now: Instant): void {
    this.deadline ??= after(now, micros(LAST_WAIT * pto));
  }
}
