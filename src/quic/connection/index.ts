/** One QUIC connection. */

/** Work space for packets, shared by the connections of an endpoint. */
export { BatchPool } from "./batch-pool.ts";
/** What an endpoint decides for its connections, and the defaults. */
export { type ConnectionConfig, type ConnectionLimits, connectionConfig, DEFAULT_LIMITS } from "./config.ts";
/** The machine. */
export { Connection } from "./connection.ts";
/** What is known once the handshake is complete. */
export type { HandshakeFacts } from "./establishment.ts";
/** What a connection is made with, and what it tells. */
export type { ConnectionEvent, ConnectionOptions } from "./options.ts";
/** Counters. */
export type { ConnectionStats } from "./stats.ts";
