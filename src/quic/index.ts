/** QUIC version 1 (RFC 8999, 9000, 9001, 9002) as machines without I/O. */

// One connection, and all connections of one socket.
export { type ConnectionConfig, type ConnectionLimits, connectionConfig, DEFAULT_LIMITS } from "./connection/config.ts";
export { Connection } from "./connection/connection.ts";
export type { HandshakeFacts } from "./connection/establishment.ts";
export type { ConnectionEvent } from "./connection/options.ts";
export type { ConnectionStats } from "./connection/stats.ts";
export type { AcceptPolicy } from "./endpoint/acceptor.ts";
export { type ConnectOptions, Endpoint, type EndpointEvent, type EndpointOptions } from "./endpoint/endpoint.ts";
// Numbers and names of errors.
export { TRANSPORT_ERRORS, transportError } from "./errors.ts";
// What a protocol above sees.
export * from "./transport.ts";
