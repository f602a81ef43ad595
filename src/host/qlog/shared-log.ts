/**
 * One recording of several connections (draft-ietf-quic-qlog-main-schema, QLOGFILE). Each event names its connection, and
 * all times count from the first event.
 */

import type { Instant } from "../../base/time.ts";
import type { ConnectionTraceEvent } from "../quic/tracing.ts";
import type { EventLog } from "./connection-log.ts";
import type { LoggedConnection } from "./event.ts";
import { ConnectionEvents, Timeline } from "./events.ts";
import type { QlogFormat } from "./options.ts";
import { EventSequence, type QlogSink } from "./sequence.ts";

export class SharedLog {
  readonly #format: QlogFormat;
  readonly #sequence: EventSequence;
  readonly #timeline = new Timeline();

  /** `first` is the first connection. All have its role. */
  constructor({ role, startedAt }: LoggedConnection, format: QlogFormat, sink: QlogSink) {
    this.#format = format;
    this.#sequence = new EventSequence({ role, startedAt }, format, sink);
  }

  add({ originalDestination }: LoggedConnection): EventLog {
    return new Member(originalDestination, this.#format, this.#sequence, this.#timeline);
  }

  end(): void {
    this.#sequence.end();
  }
}

class Member implements EventLog {
  readonly #sequence: EventSequence;
  readonly #events: ConnectionEvents;
  #hasEnded = false;

  constructor(group: string, { redact }: QlogFormat, sequence: EventSequence, timeline: Timeline) {
    this.#sequence = sequence;
    this.#events = new ConnectionEvents((event, time) => sequence.write({ ...event, group }, time), redact, timeline);
  }

  get isEnded(): boolean {
    return this.#hasEnded || this.#sequence.isEnded;
  }

  handle(event: ConnectionTraceEvent, now: Instant): void {
    if (this.isEnded) return;
    this.#events.handle(event, now);
    if (event.type === "quic:connection-freed") this.end();
  }

  end(): void {
    this.#hasEnded = true;
  }
}
