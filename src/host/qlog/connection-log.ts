/** The recording of one connection, in a sequence of its own. */

import type { Instant } from "../../base/time.ts";
import type { ConnectionTraceEvent } from "../quic/tracing.ts";
import type { LoggedConnection } from "./event.ts";
import { ConnectionEvents } from "./events.ts";
import type { QlogFormat } from "./options.ts";
import { EventSequence, type QlogSink } from "./sequence.ts";

/** Records a connection until it ends, or its recording reaches a size. */
export interface EventLog {
  readonly isEnded: boolean;
  handle(event: ConnectionTraceEvent, now: Instant): void;
  end(): void;
}

export class ConnectionLog implements EventLog {
  readonly #sequence: EventSequence;
  readonly #events: ConnectionEvents;

  constructor(connection: LoggedConnection, format: QlogFormat, sink: QlogSink) {
    this.#sequence = new EventSequence(connection, format, sink);
    this.#events = new ConnectionEvents((event, time) => this.#sequence.write(event, time), format.redact);
  }

  get isEnded(): boolean {
    return this.#sequence.isEnded;
  }

  handle(event: ConnectionTraceEvent, now: Instant): void {
    if (this.isEnded) return;
    this.#events.handle(event, now);
    if (event.type === "quic:connection-freed") this.end();
  }

  end(): void {
    this.#sequence.end();
  }
}
