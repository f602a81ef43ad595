/**
 * What a server is made of: listeners, each of which speaks some versions of HTTP on one kind of socket and makes
 * Exchanges. TCP (HTTP/1.1 and HTTP/2) and QUIC (HTTP/3) implement the same interface.
 */

import type { Budget } from "../budget.ts";
import type { Identity } from "../certificates/identity.ts";
import type { Fault } from "../guard.ts";
import type { ExchangeHandler, HttpVersion } from "./exchange.ts";

export interface BoundAddress {
  readonly transport: "tcp" | "udp";
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

export interface ListenerOptions {
  /** Certificates with their keys, at least one; the first is for clients that name no server, or an unknown one. */
  readonly identities: readonly [Identity, ...Identity[]];
  readonly onExchange: ExchangeHandler;
  /** `onExchange` knows tunnels. Without it CONNECT is answered 501, extended CONNECT not offered, Upgrade ignored. */
  readonly acceptsTunnels?: boolean | undefined;
  /** Given each line of the key log (RFC 9850), with its line feed. Only set by explicit request. */
  readonly onKeyLog?: ((line: string) => void) | undefined;
  /** Overrides the default limits of HTTP/1.1. */
  readonly http1Limits?: Http1Limits | undefined;
  /** Called for invalid HTTP/1.1. Returns false to leave the response to the listener. */
  readonly onClientError?: ((error: Error, socket: object) => boolean) | undefined;
  /** Hears of each internal fault; the connection it happened to has ended. A line on standard error by default. */
  readonly onFault?: ((fault: Fault) => void) | undefined;
  /** How long a client may take nothing of what waits for it, in milliseconds; a minute by default. */
  readonly stallTimeout?: number | undefined;
  /** What bounds all connections together; that of the process by default. */
  readonly budget?: Budget | undefined;
  /** QUIC: when a client has to prove its address first (Retry, RFC 9000 §8.1.2). TCP always asks. */
  readonly retry?: RetryPolicy | undefined;
  /** QUIC: the secret for stateless resets (RFC 9000 §10.3.2); random by default. */
  readonly resetKey?: Uint8Array | undefined;
}

/** Limits by node:http's names; times in milliseconds. */
export interface Http1Limits {
  readonly keepAliveTimeout?: number;
  readonly headersTimeout?: number;
  readonly requestTimeout?: number;
  readonly maxRequestsPerSocket?: number;
  readonly maxHeadersCount?: number | null;
}

/** "auto" asks only while many handshakes are unfinished. */
export type RetryPolicy = "auto" | "always" | "never";

/** A kind of socket that can be bound to addresses of this machine. */
export interface Bindable {
  /** Binds one more address; may be called for several. Rejects with Node's error (EADDRINUSE and so on). */
  listen(port: number, host: string): Promise<BoundAddress>;
  /** Resolves when every socket is closed. */
  close(timeout: number): Promise<void>;
}

export interface Listener extends Bindable {
  /** In the server's order of preference. */
  readonly protocols: readonly HttpVersion[];
  /**
   * Drains: takes no new connections, tells the connections there are (GOAWAY, `Connection: close`), and lets requests
   * under way finish. After `timeout` milliseconds what is left is cut off. Resolves when every socket is closed; may
   * be called again with a shorter timeout.
   */
  close(timeout: number): Promise<void>;
  /** The value of `alt-svc` (RFC 7838) on responses from now on. QUIC has nothing to add: it is the alternative. */
  advertise?(altSvc: string): void;
  /** Whether the listener alone keeps the process alive. */
  ref(): void;
  unref(): void;
}

/** A listener whose connections can be counted and closed. */
export interface ManagedListener extends Listener {
  /** The number of open connections. */
  readonly connections: number;
  /** Closes all connections, or the idle ones; the listener stays open. */
  closeConnections(which: "all" | "idle"): void;
  /** Sets the option `acceptsTunnels` for new connections. */
  acceptTunnels(): void;
}

export type CreateListener = (options: ListenerOptions) => Listener;
