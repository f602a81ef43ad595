/** All events of one connection as qlog events with ascending times. */

import type { Instant } from "../../base/time.ts";
import type { ConnectionTraceEvent } from "../quic/tracing.ts";
import type { QlogEvent } from "./event.ts";
import { http3EventOf } from "./http3-events.ts";
import { QuicEvents } from "./quic-events.ts";
import { milliseconds } from "./values.ts";

/** `time` is in milliseconds since the recording began. */
export type TimedEmit = (event: QlogEvent, time: number) => void;

/** The clock of a recording, which begins with its first event and never goes back. */
export class Timeline {
  #start: Instant | undefined;
  #latest = 0 as Instant;

  advance(now: Instant): void {
    this.#start ??= now;
    // The transport's clock stands still while a batch is handled, and that of HTTP/3 does not.
    if (now > this.#latest) this.#latest = now;
  }

  /** Milliseconds since the first event. */
  get time(): number {
    return milliseconds(this.#latest - (this.#start ?? this.#latest));
  }
}

export class ConnectionEvents {
  readonly #emit: TimedEmit;
  readonly #isRedacted: boolean;
  readonly #timeline: Timeline;
  readonly #quic: QuicEvents;

  constructor(emit: TimedEmit, isRedacted: boolean, timeline = new Timeline()) {
    this.#emit = emit;
    this.#isRedacted = isRedacted;
    this.#timeline = timeline;
    this.#quic = new QuicEvents((event) => this.emit(event));
  }

  handle(event: ConnectionTraceEvent, now: Instant): void {
    this.#timeline.advance(now);
    if (isHttp3(event)) this.emit(http3EventOf(event, this.#isRedacted));
    else this.#quic.handle(event);
  }

  /** Adds an event at the time of the latest. */
  emit(event: QlogEvent): void {
    this.#emit(event, this.#timeline.time);
  }
}

type Http3Event = Extract<ConnectionTraceEvent, { type: `http3:${string}` }>;

const isHttp3 = (event: ConnectionTraceEvent): event is Http3Event => event.type.startsWith("http3:");
