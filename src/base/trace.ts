/**
 * The mechanism of tracing (DESIGN decision 6). Each floor declares its events as one union of plain objects, named
 * `namespace:event` as in qlog; a machine is given a listener for them, or none. Printers (qlog, metrics, channels) are
 * listeners, and live in `host/`.
 *
 * Machines call `trace?.({ … })`: without a listener not even the event is made. A listener must not call back into the
 * machine, and views into datagrams are valid only while it runs.
 */

import type { Instant } from "./time.ts";

export interface TraceEvent {
  readonly type: `${string}:${string}`;
}

/** Hears of each event, in the order in which they happen. */
export type Trace<Event extends TraceEvent = TraceEvent> = (event: Event, now: Instant) => void;
