/**
 * Listeners for the events of connections. One function hears of a connection's events on all floors: the QUIC endpoint
 * asks for it when the connection begins, and HTTP/3 finds it later by the connection.
 */

import type { Trace, TraceEvent } from "../../base/trace.ts";
import type { H3Trace, H3TraceEvent } from "../../h3/index.ts";
import type { Connection, EndpointOptions, EndpointTrace, QuicTrace, QuicTraceEvent } from "../../quic/index.ts";
import type { ConnectionId } from "../../quic/packet/index.ts";
import type { HostClock } from "../clock.ts";

export type ConnectionTraceEvent = QuicTraceEvent | H3TraceEvent;
export type ConnectionTrace = Trace<ConnectionTraceEvent>;

/**
 * Called for each new connection, which is identified by the id that its client first sent to. Returns undefined if
 * nothing listens to it; the connection then creates no events.
 */
export interface TraceConnection {
  (originalDestination: ConnectionId, role: "client" | "server"): ConnectionTrace | undefined;
  /** Hears what becomes of datagrams that belong to no connection. */
  readonly endpoint?: EndpointTrace | undefined;
}

/** Combines listeners. Undefined if there are none. */
export function traceAll(traces: readonly (TraceConnection | undefined)[]): TraceConnection | undefined {
  const given = traces.filter((each) => each !== undefined);
  if (given.length <= 1) return given[0];
  const connection: TraceConnection = (id, role) => inTurn(given.map((each) => each(id, role)));
  return Object.assign(connection, { endpoint: inTurn(given.map(({ endpoint }) => endpoint)) });
}

function inTurn<Event extends TraceEvent>(traces: readonly (Trace<Event> | undefined)[]): Trace<Event> | undefined {
  const [first, ...others] = traces.filter((each) => each !== undefined);
  if (first === undefined || others.length === 0) return first;
  return (event, now) => {
    first(event, now);
    for (const trace of others) trace(event, now);
  };
}

/** The trace of each connection, by the part that QUIC knows. */
const traces = new WeakMap<QuicTrace, ConnectionTrace>();

/** For an endpoint's options. */
export const endpointTrace = (
  traceConnection: TraceConnection | undefined,
): Pick<EndpointOptions, "trace" | "traceEndpoint"> => {
  if (traceConnection === undefined) return {};
  return {
    traceEndpoint: traceConnection.endpoint,
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
