/** An endpoint's inputs, and its events. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { TlsHandshake } from "../../tls/handshake.ts";
import type { Connection, ConnectionConfig, ConnectionEvent, ConnectionFactsForTls } from "../connection/index.ts";
import type { ConnectionId } from "../packet/connection-id.ts";
import type { EndpointTrace, QuicTrace } from "../trace.ts";
import type { AcceptPolicy } from "./acceptor.ts";

export interface EndpointOptions {
  readonly config: ConnectionConfig;
  /** If absent, the endpoint only connects. */
  readonly server?: AcceptPolicy;
  /** Creates the trace of a new connection, which is identified by the id that its client first sent to. */
  readonly trace?: (originalDestination: ConnectionId, role: "client" | "server") => QuicTrace | undefined;
  /** Receives events about datagrams that belong to no connection. */
  readonly traceEndpoint?: EndpointTrace | undefined;
  /**
   * Reset tokens are derived from it. A server that keeps it across restarts can reset earlier connections (RFC 9000
   * §10.3.2).
   */
  readonly staticSecret?: Uint8Array;
}

export interface ConnectOptions {
  readonly remote: SocketAddress;
  readonly local?: SocketAddress;
  /** Creates the client side of a handshake. */
  readonly createTls: (transportParameters: Uint8Array, facts: ConnectionFactsForTls) => TlsHandshake;
  /** The version of the first flight. Default: the first of the configuration's. */
  readonly version?: number | undefined;
  /** True if a Version Negotiation packet made the client try `version`. It is then checked that it was not forged. */
  readonly followsNegotiation?: boolean;
  /** The token of an earlier connection's "new-token" event with this version, if there is one. It is used once. */
  readonly token?: ((version: number) => Uint8Array | undefined) | undefined;
}

export interface EndpointEvent {
  readonly connection: Connection;
  readonly event: ConnectionEvent | { readonly type: "accepted" };
}
