/**
 * A client notices that its server no longer answers, long before the idle timeout: probe timeouts in a row (RFC 9002 §6.2)
 * between which no packet came. A packet of any kind ends the silence.
 */

import { after, type Instant, type Micros, micros } from "../../base/time.ts";

/** With the backoff, three times the probe timeout without an answer. */
const SILENT_AFTER = 2;

/** Probe timeouts within which a server that is asked once more has to answer. */
const LAST_WAIT = 3;

export class Silence {
  /** Probe timeouts since a packet came. */
  #timeouts = 0;
  #received = 0;
  /** When the connection is given up. */
  deadline: Instant | undefined;

  /** 0 while the peer is heard. */
  get probeTimeouts(): number {
    return this.#timeouts >= SILENT_AFTER ? this.#timeouts : 0;
  }

  /** `received` counts all packets that came so far. */
  onProbeTimeout(received: number): void {
    if (received !== this.#received) this.#timeouts = 0;
    this.#received = received;
    this.#timeouts += 1;
  }

  /** True when that ends a silence. */
  onReceived(received: number): boolean {
    if (this.#timeouts === 0 || received === this.#received) return false;
    const wasSilent = this.probeTimeouts > 0;
    this.#timeouts = 0;
    this.deadline = undefined;
    return wasSilent;
  }

  /** The peer is asked for the last time. */
  expectAnswer(pto: Micros, now: Instant): void {
    this.deadline ??= after(now, micros(LAST_WAIT * pto));
  }
}
