/** Carries the events of an HTTP/3 connection, in either role: from the transport to `H3Connection`, then to the owner. */

import type { H3Connection, H3Event } from "../../h3/index.ts";
import type { CloseReason, ConnectionEvent } from "../../quic/index.ts";
import { type Fault, guard } from "../guard.ts";

/** The owner of a connection: it knows the exchanges. */
export interface H3EventHandler {
  handleH3(event: H3Event): void;
  /** After the last event. */
  handleClosed(reason: CloseReason): void;
  /** An exception in what belongs to this connection ends it. */
  handleFault(fault: Fault): void;
}

export class H3EventPump {
  readonly #h3: H3Connection;
  readonly #handler: H3EventHandler;
  #isDrainScheduled = false;

  constructor(h3: H3Connection, handler: H3EventHandler) {
    this.#h3 = h3;
    this.#handler = handler;
  }

  /** Keys, certificates and silence concern the connection's owner, not HTTP/3. */
  handleEvent(event: ConnectionEvent): void {
    if (event.type === "key-log" || event.type === "verify-certificate" || event.type === "silence") return;
    this.#h3.handleTransportEvent(event);
    this.drain();
    if (event.type === "closed") this.#handler.handleClosed(event.reason);
  }

  /** Content was read: the end of the message may have come into sight. */
  pump(): void {
    if (this.#isDrainScheduled) return;
    this.#isDrainScheduled = true;
    // Not while somebody is in the middle of reading: "finished" would reach them before what they read.
    queueMicrotask(this.#onDrainDue);
  }

  readonly #onDrainDue = guard(
    "h3 events",
    (fault) => this.#handler.handleFault(fault),
    () => {
      this.#isDrainScheduled = false;
      this.drain();
    },
  );

  drain(): void {
    const h3 = this.#h3;
    for (let event = h3.pollEvent(); event !== undefined; event = h3.pollEvent()) this.#handler.handleH3(event);
  }
}
