/** QUIC version 1 (RFC 8999, 9000, 9001, 9002) as machines without I/O. */

/** One connection. */
export {
  Connection,
  type ConnectionConfig,
  type ConnectionEvent,
  type ConnectionLimits,
  type ConnectionStats,
  connectionConfig,
  DEFAULT_LIMITS,
  type HandshakeFacts,
} from "./connection/index.ts";
/** All connections of one socket. */
export {
  type AcceptPolicy,
  type ConnectOptions,
  Endpoint,
  type EndpointEvent,
  type EndpointOptions,
} from "./endpoint/index.ts";
/** Numbers and names of errors. */
export { TRANSPORT_ERRORS, transportError } from "./errors.ts";
/** Where an endpoint's connection ids come from. */
export {
  type ConnectionIdGenerator,
  type ConnectionIdRoute,
  RoutedConnectionIds,
  RoutedIdKeys,
} from "./packet/index.ts";
/** What is sent, and in which order. */
export { type SendGroup, type SendPriority, type SendSession, SendSource } from "./streams/index.ts";
/** What happens on a connection, for printers. */
export type { QuicTrace, QuicTraceEvent } from "./trace.ts";
/** What a protocol above sees. */
export * from "./transport.ts";
