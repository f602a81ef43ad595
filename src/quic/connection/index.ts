/** One QUIC connection. */

/** Why a connection cannot migrate. */
export type { MigrationRefusal } from "./active-migration.ts";
/** Scratch memory for packets, shared by the connections of an endpoint. */
export { BatchPool, InboundBatchPool } from "./batch-pool.ts";
/** An endpoint's configuration for its connections, with defaults. */
export { type ConnectionConfig, type ConnectionLimits, connectionConfig, DEFAULT_LIMITS } from "./config.ts";
/** The connection itself. */
export { Connection } from "./connection.ts";
/** What 0-RTT relies on. */
export { earlyDataContext } from "./early-data.ts";
/** Facts known once the handshake is complete. */
export type { HandshakeFacts } from "./establishment.ts";
/** A connection's inputs, and its events. */
export {
  type ConnectionEvent,
  type ConnectionFactsForTls,
  type ConnectionHost,
  type ConnectionOptions,
  isTransportEvent,
  type MigrationEvent,
  type PreferredAddresses,
} from "./options.ts";
/** Counters. */
export type { ConnectionStats } from "./stats.ts";
