/** A connection's inputs, and its events. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import type { TlsEvent, TlsHandshake } from "../../tls/handshake.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { ConnectionIdRegistry } from "../path/index.ts";
import type { QuicTrace } from "../trace.ts";
import type { TransportEvent } from "../transport.ts";
import type { BatchPool, InboundBatchPool } from "./batch-pool.ts";
import type { ConnectionConfig } from "./config.ts";

/** The outcome of a migration. */
export interface MigrationEvent {
  readonly type: /** The new route is in use. */
    | "migrated"
    /** The new route does not work; the old one stays in use. */
    | "migration-failed"
    /** Nothing more is sent or expected on a route that was used before. */
    | "route-abandoned";
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
}

export type ConnectionEvent =
  | TransportEvent
  /** Client only: consecutive probe timeouts without a packet from the server; 0 when one arrives again. */
  | { readonly type: "silence"; readonly probeTimeouts: number }
  /** Client only: the outcome of `migrate`. */
  | MigrationEvent
  /** Client only: the handshake is confirmed, and the server prefers these addresses of its own (RFC 9000 §9.6). */
  | { readonly type: "preferred-address"; readonly addresses: readonly SocketAddress[] }
  /** Check the chain, then call `certificateVerdict`. */
  | Extract<TlsEvent, { type: "verify-certificate" }>
  /** Server only: choose an identity, then call `identitySelected`. */
  | Extract<TlsEvent, { type: "select-identity" }>
  /** Client only: a session that the next connection can resume. */
  | (Extract<TlsEvent, { type: "session" }> & { readonly version: number })
  /** Client only: a token with which one later connection of this version can prove its address (RFC 9000 §8.1.3). */
  | { readonly type: "new-token"; readonly token: Uint8Array; readonly version: number }
  | Extract<TlsEvent, { type: "key-log" }>;

const FOR_HOST: readonly ConnectionEvent["type"][] = [
  "silence",
  "migrated",
  "migration-failed",
  "route-abandoned",
  "preferred-address",
  "verify-certificate",
  "select-identity",
  "session",
  "new-token",
  "key-log",
];

/** False for events that are for the connection's host, and not for the protocol above it. */
export const isTransportEvent = (event: ConnectionEvent): event is TransportEvent => !FOR_HOST.includes(event.type);

/** A server's preferred addresses (RFC 9000 §9.6), one per family. */
export interface PreferredAddresses {
  readonly ipv4?: SocketAddress | undefined;
  readonly ipv6?: SocketAddress | undefined;
}

/** What a server's tickets depend on. */
export interface ConnectionFactsForTls {
  readonly remote: SocketAddress;
  /** The version in use: that of the client's first flight, and later the negotiated one. */
  version(): number;
}

/** The endpoint of a connection: also issues, routes and retires its connection ids. */
export interface ConnectionHost extends ConnectionIdRegistry {
  readonly inbound: InboundBatchPool;
  readonly outbound: BatchPool;
  /** Called when the endpoint has something to do: an event, or something to transmit. */
  onWake(): void;
  /**
   * Called with the token that identifies a stateless reset of this connection (RFC 9000 §10.3). It replaces the
   * previous one.
   */
  onResetToken(token: Uint8Array | undefined): void;
}

export interface ConnectionOptions {
  readonly role: "client" | "server";
  /** The version of the client's first flight. */
  readonly version: number;
  /** Client only: true if a Version Negotiation packet made it try this version. */
  readonly followsNegotiation?: boolean;
  readonly config: ConnectionConfig;
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  /** Our first id and its reset token. */
  readonly sourceId: ConnectionId;
  readonly sourceResetToken: Uint8Array;
  /** The peer's first id. */
  readonly destinationId: ConnectionId;
  /**
   * The destination of the client's first Initial that the server accepts; Initial keys are derived from it (RFC 9001
   * §5.2).
   */
  readonly initialKeyId: ConnectionId;
  /** For a server after a Retry: the id that the client chose first, and the id of the Retry. */
  readonly originalDestination: ConnectionId;
  readonly retrySource?: ConnectionId | undefined;
  readonly isAddressValidated: boolean;
  /** Client only: the token of an earlier connection's "new-token" event, of the same version. */
  readonly token?: Uint8Array | undefined;
  /** Server only: asked before the connection follows its client to another address. Returns false to stay. */
  readonly mayMove?: ((remote: SocketAddress, local: SocketAddress) => boolean) | undefined;
  /** Server only: addresses that clients should move to after the handshake. */
  readonly preferredAddress?: PreferredAddresses | undefined;
  /**
   * Server only: issues a token with which the client's next connection can skip address validation (RFC 9000 §8.1.3).
   */
  readonly issueToken?: ((remote: SocketAddress, version: number, now: Instant) => Uint8Array) | undefined;
  /** Our transport parameters depend on the client's; a client calls the function without them. */
  readonly createTls: (
    transportParameters: (client?: Uint8Array) => Uint8Array,
    facts: ConnectionFactsForTls,
  ) => TlsHandshake;
  readonly host: ConnectionHost;
  readonly trace?: QuicTrace | undefined;
  readonly now: Instant;
}
