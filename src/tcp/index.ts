/** TCP on our own IP. */

/** One connection. */
export { type CloseReason, TcpConnection, type TcpConnectionOptions, type TcpEventType } from "./connection.ts";
/** All connections and listeners of a host. */
export { TcpEndpoint, type TcpEndpointOptions, type TcpEvent } from "./endpoint.ts";
/** A listening port. */
export { type ListenOptions, TcpListener } from "./listener.ts";
/** The options of a segment. */
export type { TcpOptions } from "./options.ts";
/** Segments. */
export { emitHeader, Flag, headerLength, parseSegment, type Segment } from "./segment.ts";
