/**
 * The tracing mechanism. Each floor declares its events as one union of plain objects, named
 * `namespace:event` as in qlog; a machine gets a listener for them, or none. Printers (qlog, metrics, channels) are
 * listeners, and live in `host/`.
 *
 * Machines call `trace?.({ … })`, so without a listener the event is not even created. A listener must not call back
 * into the machine. Views into datagrams, and what is parsed from them, are valid only while it runs.
 */

import type { Instant } from "./time.ts";

export interface TraceEvent {
  readonly type: `${string}:${string}`;
}

/** Receives each event, in order of occurrence. */
export type Trace<Event extends TraceEvent = TraceEvent> = (event: Event, now: Instant) => void;
