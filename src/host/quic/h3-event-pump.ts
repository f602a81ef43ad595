/**
 * Passes the events of an HTTP/3 connection, in either role, from the transport to `H3Connection`, then to the owner.
 */

import type { H3Connection, H3Event } from "../../h3/index.ts";
import { type CloseReason, type ConnectionEvent, isTransportEvent } from "../../quic/index.ts";
import { type Fault, guard } from "../guard.ts";

/** The owner of a connection and its exchanges. */
export interface H3EventHandler {
  handleH3(event: H3Event): void;
  /** Called after the last event. */
  handleClosed(reason: CloseReason): void;
  /** Ends the connection after an exception. */
  handleFault(fault: Fault): void;
}

export class H3EventPump {
  readonly #h3: H3Connection;
  readonly #handler: H3EventHandler;
  #isDrainScheduled = false;
  /** Made when it is first needed, which is never for most connections. */
  #onDrainDue: (() => void) | undefined;

  constructor(h3: H3Connection, handler: H3EventHandler) {
    this.#h3 = h3;
    this.#handler = handler;
  }

  handleEvent(event: ConnectionEvent): void {
    if (!isTransportEvent(event)) return;
    this.#h3.handleTransportEvent(event);
    this.drain();
    if (event.type === "closed") this.#handler.handleClosed(event.reason);
  }

  /** Call after content was read: the end of the message may have been reached. */
  pump(): void {
    if (this.#isDrainScheduled) return;
    this.#isDrainScheduled = true;
    // Deferred, because a caller in the middle of a read would get "finished" before the content.
    if (this.#onDrainDue === undefined) this.#onDrainDue = guard("h3 events", this.#onFault, () => this.#drainLate());
    queueMicrotask(this.#onDrainDue);
  }

  get #onFault(): (fault: Fault) => void {
    return (fault) => this.#handler.handleFault(fault);
  }

  #drainLate(): void {
    this.#isDrainScheduled = false;
    this.drain();
  }

  drain(): void {
    const h3 = this.#h3;
    for (let event = h3.pollEvent(); event !== undefined; event = h3.pollEvent()) this.#handler.handleH3(event);
  }
}
