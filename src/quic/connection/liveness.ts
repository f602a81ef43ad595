/**
 * PINGs of a client that waits for a response: they keep the path alive, and find out whether the server is still there. A
 * server that has lost the connection answers with a stateless reset (RFC 9000 §10.3); one that is gone, not at all. The
 * first PING comes three probe timeouts after the last packet. Each further one without new stream data waits twice as long, up
 * to the keep-alive interval, so that a slow response costs few packets.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";

/** A server that works on a request for less than this sends an acknowledgement at least. */
const FIRST_WAIT = 3;

export class Liveness {
  readonly #interval: Micros;
  #pings = 0;
  #streamBytes = 0;

  /** Zero disables the PINGs. */
  constructor(interval: Micros) {
    this.#interval = interval;
  }

  /** `streamBytes` counts all stream data received so far. */
  onReceived(streamBytes: number): void {
    if (streamBytes === this.#streamBytes) return;
    this.#streamBytes = streamBytes;
    this.#pings = 0;
  }

  onPing(): void {
    this.#pings += 1;
  }

  /** `since` is the time of the last packet or PING. */
  deadline(since: Instant, probeTimeout: Micros): Instant | undefined {
    if (this.#interval === 0) return undefined;
    return after(since, Math.min(this.#interval, FIRST_WAIT * probeTimeout * 2 ** this.#pings) as Micros);
  }
}
