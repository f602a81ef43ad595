/**
 * How a client that only receives notices that its path has died. Without anything in flight, no probe timeout (RFC 9002
 * §6.2) runs: behind a NAT that has changed its mapping, or with a server that has lost its state, both sides would wait
 * for the other until the idle timeout. So the client sends one PING when the server's packets have stopped for three
 * probe timeouts, while a request is open. The answer starts no new wait, only the server's next packet does: a stream
 * that rests costs one PING.
 */

import { after, type Instant, type Micros, micros } from "../../base/time.ts";

/** As long as the shortest idle timeout (RFC 9000 §10.1). */
const PROBE_TIMEOUTS = 3;

export class Liveness {
  /** The arrival after which the last PING was sent. */
  #probedAfter: Instant | undefined;

  /**
   * When to send a PING. `heardAt` is the time of the server's last ack-eliciting packet, `since` that of the last sign of
   * life.
   */
  deadline(heardAt: Instant | undefined, since: Instant, pto: Micros): Instant | undefined {
    if (heardAt === undefined || heardAt === this.#probedAfter) return undefined;
    return after(since, micros(PROBE_TIMEOUTS * pto));
  }

  onProbed(heardAt: Instant | undefined): void {
    this.#probedAfter = heardAt;
  }
}
