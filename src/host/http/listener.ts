/**
 * A server consists of listeners. Each speaks some versions of HTTP on one kind of socket and creates exchanges. TCP
 * (HTTP/1.1 and HTTP/2) and QUIC (HTTP/3) implement the same interface.
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ConnectionFrame } from "../../http/index.ts";
import type { StrikeRegister } from "../../tls/index.ts";
import type { Budget } from "../budget.ts";
import type { HandshakeHooks } from "../certificates/certificates.ts";
import type { Identity } from "../certificates/identity.ts";
import type { ContextOptions } from "../certificates/secure-context.ts";
import type { SelectByName } from "../certificates/select-by-name.ts";
import type { EngineChoice } from "../engine/choice.ts";
import type { Fault } from "../guard.ts";
import type { QuicEnvironment } from "../quic/environment.ts";
import type { QuicServerOptions } from "../quic/quic-options.ts";
import type { TraceConnection } from "../quic/tracing.ts";
import type { ExchangeHandler, HttpVersion, PeerAddress } from "./exchange.ts";
import type { ProxyProtocolOptions } from "./proxy-protocol-gate.ts";

/** An address on which a server listens. */
export interface BoundAddress {
  readonly transport: "tcp" | "udp";
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

/** Frames about a connection, to send after SETTINGS. */
export interface ConnectionFrames {
  /** Whole frames, for stream 0. */
  readonly h2: readonly Uint8Array[];
  /** For the control stream. */
  readonly h3: readonly ConnectionFrame[];
}

export interface ListenerOptions {
  /** Certificates with their keys. The first is for clients that send no server name, or an unknown one. */
  readonly identities: readonly [Identity, ...Identity[]];
  readonly onExchange: ExchangeHandler;
  /**
   * True if `onExchange` handles tunnels. Otherwise CONNECT is answered with 501, extended CONNECT is not offered, and
   * Upgrade is ignored.
   */
  readonly acceptsTunnels?: boolean | undefined;
  /** Called with each line of the key log (RFC 9850), including its line feed. Set only on explicit request. */
  readonly onKeyLog?: ((line: string) => void) | undefined;
  /** Overrides the default limits of HTTP/1.1. `headersTimeout` also applies to HTTP/2 and HTTP/3. */
  readonly http1Limits?: Http1Limits | undefined;
  /** Decides which HTTP/1.1 requests with Upgrade become tunnels. Since Node 24; all of them by default. */
  readonly shouldUpgrade?: ((request: IncomingMessage) => boolean) | undefined;
  /** Called for each request above `maxRequestsPerSocket`, which gets a 503. */
  readonly onDroppedRequest?: ((request: object, socket: object) => void) | undefined;
  /** Refuses invalid HTTP/1.1 with the bytes of Node's server, which lack Date (RFC 9110 §6.6.1) and never say 501. */
  readonly refusesLikeNode?: boolean;
  /** Called for invalid HTTP/1.1. Returns false to leave the response to the listener. */
  readonly onClientError?: ((error: Error, socket: object) => boolean) | undefined;
  /** Asked for each client that sends a server name. By default, `identities` are selected by their names. */
  readonly selectByName?: SelectByName | undefined;
  /** TLS over TCP: answers tls-alpn-01 (RFC 8737). By default, `acme-tls/1` is not offered. */
  readonly answerTlsAlpn?: HandshakeHooks["answerTlsAlpn"] | undefined;
  /** TLS over TCP: options besides the certificates. */
  readonly tlsOptions?: TlsOptions | undefined;
  /** HTTP/2: reads PRIORITY_UPDATE frames, at the cost of CPU for each connection. Default: false. */
  readonly http2PriorityUpdate?: boolean | undefined;
  /** The origins to name in ORIGIN frames (RFC 8336, RFC 9412). */
  readonly origins?: readonly string[] | undefined;
  /** Frames of drafts to send about each connection, after SETTINGS. Over HTTP/2, they cost CPU for each connection. */
  readonly connectionFrames?: ConnectionFrames | undefined;
  /** HTTP/2: takes WebTransport sessions in capsules (draft-ietf-webtrans-http2). Default: false. */
  readonly http2WebTransport?: boolean | undefined;
  /** TCP: reads the PROXY protocol header of connections from load balancers. */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
  /** Called before a connection is accepted. Returns false to refuse it. */
  readonly admits?: ((peer: { readonly remote: PeerAddress; readonly local: PeerAddress }) => boolean) | undefined;
  /**
   * Called for each connection: over TCP when it begins, over QUIC when its handshake has proven the client's address.
   * Returns what to call when it has ended, or false to end it at once.
   */
  readonly onOpened?: ((remote: PeerAddress, transport: "tcp" | "udp") => (() => void) | false) | undefined;
  /** TLS over TCP: called when a handshake is complete, with the milliseconds since the connection began. */
  readonly onSecured?: ((milliseconds: number) => void) | undefined;
  /** Called for each connection: with the TCP socket, or with a socket that stands for a QUIC connection. */
  readonly onConnection?: ((socket: Duplex) => void) | undefined;
  /** Called for each HTTP/2 session, with Node's object. */
  readonly onSession?: ((session: object) => void) | undefined;
  /** Called when a TLS handshake over TCP has failed. */
  readonly onTlsError?: ((error: Error, socket: Duplex) => void) | undefined;
  /** Hears of each internal fault; the connection it happened to has ended. A line on standard error by default. */
  readonly onFault?: ((fault: Fault) => void) | undefined;
  /** How long a client may make no progress while something waits for it, in milliseconds. Default: one minute. */
  readonly stallTimeout?: number | undefined;
  /** The budget of all connections. Default: the process's budget. */
  readonly budget?: Budget | undefined;
  /** QUIC: when a client must prove its address first (Retry, RFC 9000 §8.1.2). Over TCP, every client does. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * QUIC: the secret from which the keys of stateless resets (RFC 9000 §10.3.2), address tokens and session tickets are
   * derived. Default: random.
   */
  readonly resetKey?: Uint8Array | undefined;
  /** TLS over TCP: a secret for session tickets that other processes accept too. Default: a random one. */
  readonly ticketSecret?: Uint8Array | undefined;
  /** QUIC: which requests are accepted in 0-RTT data. Default: those with safe methods. */
  readonly earlyData?: EarlyDataPolicy | undefined;
  /**
   * QUIC: the register of early data, shared by all servers with the same `resetKey`. Default: one for this process if the
   * key is random; otherwise none, and early data is rejected.
   */
  readonly strikeRegister?: StrikeRegister | undefined;
  /** For QUIC. */
  readonly quic?: QuicServerOptions | undefined;
  /** QUIC: what opens sockets and protects packets. Default: "auto". */
  readonly engine?: EngineChoice | undefined;
  /** QUIC: what opens sockets and reads the clock. Default: this process. */
  readonly environment?: QuicEnvironment | undefined;
  /** QUIC: listens to new connections. */
  readonly trace?: TraceConnection | undefined;
}

/** By node:tls's names. */
export interface TlsOptions {
  readonly context: ContextOptions;
  /** Asks clients for a certificate. */
  readonly requestCert: boolean;
  /** Refuses clients without a valid certificate. */
  readonly rejectUnauthorized: boolean;
}

/** Options and limits by node:http's names; times in milliseconds. Undefined keeps the default. */
export interface Http1Limits {
  readonly keepAliveTimeout?: number;
  /** Since Node 22. */
  readonly keepAliveTimeoutBuffer?: number;
  readonly headersTimeout?: number;
  readonly requestTimeout?: number;
  /** How often late heads and requests are looked for. Fixed once the server listens. */
  readonly connectionsCheckingInterval?: number;
  readonly maxRequestsPerSocket?: number;
  readonly maxHeadersCount?: number | null;
  /** Bytes of a request head. Also for HTTP/1.1 only. */
  readonly maxHeaderSize?: number;
  /** False accepts HTTP/1.1 requests without Host, against RFC 9112 §3.2. */
  readonly requireHostHeader?: boolean;
  /** Makes the parser lenient. Field values remain restricted (RFC 9110 §5.5). */
  readonly insecureHTTPParser?: boolean;
}

/** Those that do not keep the default. */
export const definedLimits = (limits: Http1Limits = {}): Http1Limits =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined && value !== null));

/**
 * Early data may be replayed to other servers, and arrives before the client has shown that it knows the answer (RFC 8470).
 * "safe": only GET, HEAD and OPTIONS; others get a 425. "all": the handler decides, by `earlyData`. "off": none.
 */
export type EarlyDataPolicy = "off" | "safe" | "all";

/** "auto" asks only while many handshakes are unfinished. */
export type RetryPolicy = "auto" | "always" | "never";

/** A kind of socket that can be bound to addresses of this machine. */
export interface Bindable {
  /**
   * Binds an additional address. Rejects with Node's error (EADDRINUSE and so on). TCP: `descriptor` is that of an
   * inherited socket, which is bound already.
   */
  listen(port: number, host: string, descriptor?: number): Promise<BoundAddress>;
  /** Resolves when every socket is closed. */
  close(timeout: number, notice?: number): Promise<void>;
}

export interface Listener extends Bindable {
  /** In the server's order of preference. */
  readonly protocols: readonly HttpVersion[];
  /**
   * Drains: takes no new connections, notifies existing ones (GOAWAY, `Connection: close`), and lets requests in
   * progress finish. After `timeout` milliseconds, aborts the rest. Resolves when every socket is closed. May be
   * called again with a shorter timeout. With a `notice` (in milliseconds), requests that were in transit when their
   * client heard of the end are still answered, and idle connections stay open that long.
   */
  close(timeout: number, notice?: number): Promise<void>;
  /**
   * Sets the value of `alt-svc` (RFC 7838) for responses from now on. Not for QUIC, which is the alternative itself.
   */
  advertise?(altSvc: string): void;
  /**
   * Replaces the certificates for handshakes from now on. Established connections are not affected. Throws, and
   * keeps the previous ones, if the default one cannot be used; `secureContextOf` checks the others.
   */
  setIdentities(identities: ListenerOptions["identities"]): void;
  /** Lets the listener keep the process alive, which is the default. */
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
  /** Sets the option `http1Limits` for new connections. */
  setHttp1Limits(limits: Http1Limits): void;
}

export type CreateListener = (options: ListenerOptions) => Listener;
