/**
 * QUIC versions 1 and 2 (RFC 8999, 9000, 9001, 9002, 9369) as state machines without I/O. Experimental.
 *
 * @module nagare/quic
 */

/** One connection. */
export {
  Connection,
  type ConnectionConfig,
  type ConnectionEvent,
  type ConnectionFactsForTls,
  type ConnectionLimits,
  type ConnectionStats,
  connectionConfig,
  DEFAULT_LIMITS,
  earlyDataContext,
  type HandshakeFacts,
  isTransportEvent,
  type MigrationEvent,
  type MigrationRefusal,
  type PreferredAddresses,
} from "./connection/index.ts";
/** Unreliable datagrams. */
export { type DatagramFacts, type DatagramLimits, DEFAULT_DATAGRAM_LIMITS } from "./datagram/index.ts";
/** All connections of one socket. */
export {
  type AcceptPolicy,
  type ConnectOptions,
  Endpoint,
  type EndpointEvent,
  type EndpointOptions,
} from "./endpoint/index.ts";
/** Error codes and their names. */
export { TRANSPORT_ERRORS, transportError } from "./errors.ts";
/** Generators of an endpoint's connection ids. */
export {
  type ConnectionIdGenerator,
  type ConnectionIdRoute,
  keyPeriodAt,
  RoutedConnectionIds,
  RoutedIdKeys,
} from "./packet/index.ts";
/** Data to send and its priority. */
export { type SendGroup, type SendPriority, type SendSession, SendSource } from "./streams/index.ts";
/** Trace events of a connection, for loggers. */
export type { EndpointTrace, EndpointTraceEvent, QuicTrace, QuicTraceEvent } from "./trace.ts";
/** The interface for protocols above. */
export * from "./transport.ts";
/** The numbers of the versions. */
export { VERSION_1, VERSION_2 } from "./versions/index.ts";
