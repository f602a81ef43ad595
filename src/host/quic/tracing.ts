/**
 * Listeners for the events of connections. One function hears of a connection's events on all floors: the QUIC endpoint
 * asks for it when the connection begins, and HTTP/3 finds it later by the connection.
 */

import type { Trace } from "../../base/trace.ts";
import type { H3Trace, H3TraceEvent } from "../../h3/index.ts";
import type { Connection, QuicTrace, QuicTraceEvent } from "../../quic/index.ts";
import type { ConnectionId } from "../../quic/packet/index.ts";
import type { HostClock } from "../clock.ts";

export type ConnectionTraceEvent = QuicTraceEvent | H3TraceEvent;
export type ConnectionTrace = Trace<ConnectionTraceEvent>;

/**
 * Called for each new connection, which is identified by the id that its client first sent to. Returns undefined if
 * nothing listens to it; the connection then creates no events.
 */
export type TraceConnection = (
  originalDestination: ConnectionId,
  role: "client" | "server",
) => ConnectionTrace | undefined;

/** Combines listeners. Undefined if there are none. */
export function traceAll(traces: readonly (TraceConnection | undefined)[]): TraceConnection | undefined {
  const given = traces.filter((each) => each !== undefined);
  if (given.length <= 1) return given[0];
  return (id, role) => {
    const [first, ...others] = given.map((each) => each(id, role)).filter((each) => each !== undefined);
    if (first === undefined || others.length === 0) return first;
    return (event, now) => {
      first(event, now);
      for (const trace of others) trace(event, now);
    };
  };
}

/** The trace of each connection, by the part that QUIC knows. */
const traces = new WeakMap<QuicTrace, ConnectionTrace>();

/** For an endpoint's options. */
export const endpointTrace = (
  traceConnection: TraceConnection | undefined,
): { readonly trace?: (id: ConnectionId, role: "client" | "server") => QuicTrace | undefined } => {
  if (traceConnection === undefined) return {};
  return {
    trace: (id, role) => {
      const trace = traceConnection(id, role);
      if (trace !== undefined) traces.set(trace, trace);
      return trace;
    },
  };
};

/** For the options of HTTP/3 on a connection. HTTP/3 knows no time, so this adds it. */
export function h3Trace({ trace }: Connection, clock: Pick<HostClock, "now">): H3Trace | undefined {
  const whole = trace && traces.get(trace);
  return whole && ((event) => whole(event, clock.now()));
}
