/**
 * One request and its response: the interface that HTTP/1.1, HTTP/2 and HTTP/3 implement and that every product (fetch
 * handlers, files, the proxy) uses.
 *
 * It is synchronous and uses plain calls, because a small request must be cheap: no promises, no web streams, no
 * `Headers`. The handler sets the callbacks it needs and calls the methods; the transport calls the callbacks.
 *
 * Order of calls: any number of `inform`, one `respond`, any number of `write`, then `end`. `reset` may be called at
 * any time instead. After `reset`, or once `aborted` is set, all of them do nothing.
 */
import type { TLSSocket } from "node:tls";
import { type FieldSection, fieldValue, type HttpVersion } from "../../http/index.ts";
import type { PartialPriority, Priority } from "../../http/priority/index.ts";
import type { WebTransportInspection } from "../webtransport/inspection.ts";
import type { RequestBody } from "./request-body.ts";
import type { Tunnel, TunnelOffer } from "./tunnel.ts";

export type { BodyState, RequestBody } from "./request-body.ts";
export type { HttpVersion };

/** An address and port. */
export interface PeerAddress {
  readonly address: string;
  readonly port: number;
  readonly family: "IPv4" | "IPv6";
}

/** Statistics of a connection by name, cheap enough to read in every handler. */
export interface ConnectionInfo {
  /** The current values. */
  stats(): Readonly<Record<string, number | string>>;
}

export interface RespondOptions {
  /** True if the response has no content and no trailers. `end` is then not called. */
  readonly endStream?: boolean;
  /** True if `end` may have trailers, which Node's HTTP/2 must know in advance. */
  readonly trailers?: boolean;
  /** HTTP/1.1: the reason phrase (RFC 9112 §4). Default: the standard one. */
  readonly reason?: string | undefined;
  /** False if the transport must not add `date`. */
  readonly sendDate?: boolean;
  /** HTTP/1.1: fields that the transport must not add, in lower case, even if the connection then has to close. */
  readonly omitted?: readonly string[];
  /** HTTP/1.1: the length of the content; "unknown" if the transport must not look for it. */
  readonly contentLength?: number | "unknown" | undefined;
  /** HTTP/1.1: false if the connection closes after the response. */
  readonly keepAlive?: boolean;
  /** True if content or the end follows in the same call: the head need not be sent before. */
  readonly isFollowed?: boolean;
}

/** The head of an HTTP/1.1 request as received. */
export interface Http1RequestHead {
  readonly version: "1.0" | "1.1";
  /** The request target in any form (RFC 9112 §3.2). */
  readonly target: string;
  /** Alternating names and values, in their original spelling. */
  readonly rawHeaders: readonly string[];
  /** The same of the trailers, once the body has ended. */
  readonly rawTrailers: readonly string[];
  /** The value of `expect`. `fields` has it too, but costs more. */
  readonly expect: string | undefined;
}

/** Called when the transport no longer needs the chunk, so that its owner can reuse it. */
export type ReleaseChunk = (chunk: Uint8Array) => void;

/** What a client answered when it was asked for a certificate. */
export interface ClientIdentity {
  /** DER, the client's own certificate first; empty if it has none. */
  readonly chain: readonly Uint8Array[];
  /** Node's code for why the certificate is not valid; null if it is. */
  readonly problem: string | null;
}

/** What says who the client of an exchange is. */
export type ExchangeClient = Pick<ServerExchange, "fields" | "remoteAddress" | "firstAddress" | "clientAddress">;

export interface ServerExchange {
  readonly protocol: HttpVersion;
  readonly method: string;
  /** The server's scheme, not the one the client sent. */
  readonly scheme: string;
  /** `:authority` or the Host field: host and port as sent by the client. */
  readonly authority: string;
  /** `:path`: path and query, starting with "/", or "*" for OPTIONS. */
  readonly path: string;
  /** The same as the client sent it, if a prefix was removed from `path`. */
  readonly clientPath?: string | undefined;
  /** The request's field lines, without pseudo-header fields and `host`, which is the authority. */
  readonly fields: FieldSection;
  readonly body: RequestBody;
  /** HTTP/1.1 only. */
  readonly http1?: Http1RequestHead | undefined;
  /** Set when the client asks to go over to another protocol, or through to another host. */
  readonly tunnelOffer: TunnelOffer | undefined;

  /** The peer of the connection: the client, or a proxy in front of this server. */
  readonly remoteAddress: PeerAddress;
  /** The client's address, as trusted proxies say. Set by products that trust some; for logs, limits and hashing. */
  clientAddress?: string | undefined;
  readonly localAddress: PeerAddress;
  /** The client's address when the connection began, for transports whose clients can move to another. */
  readonly firstAddress?: PeerAddress | undefined;
  /** Identifies the request in logs, here and at origins. Set by the operations of the edge. */
  readonly requestId?: string | undefined;
  /** A gateway sets it to the origin that the request went to, for logs. */
  upstream?: string | undefined;
  /** A product with routes sets it to the path pattern that matched, for reports. */
  route?: string | undefined;
  /** Set if the request opened a WebTransport session, for logs. Returns undefined if it never began. */
  inspectSession?: (() => WebTransportInspection | undefined) | undefined;
  /** Why a limit refused the request, for metrics. */
  refusal?: string | undefined;
  /** Undefined for TCP. */
  readonly connection: ConnectionInfo | undefined;
  /** Undefined for QUIC. */
  readonly tls?: TLSSocket | undefined;
  /** For QUIC, if the server asks clients for certificates. */
  readonly client?: ClientIdentity | undefined;

  /** True while the request is 0-RTT data: an attacker may have replayed it (RFC 8470). Only over HTTP/3. */
  readonly earlyData?: boolean;
  /** Resolves when the client has completed the handshake, so that the request is not a replay; rejects if it fails to. */
  readonly confirmed?: Promise<void>;

  /** The final status, once `respond` was called. */
  readonly status: number | undefined;
  /** Why the exchange was aborted, by either side or the end of the connection; undefined if it was not. */
  readonly aborted: Error | undefined;

  /** Sends an informational response (1xx, RFC 9110 §15.2), unless the client does not support it. */
  inform(status: number, fields: FieldSection): void;

  /**
   * Sends the final response's head. Fields must be valid (RFC 9110 §5.5), and not connection-specific (RFC 9114 §4.2);
   * only HTTP/1.1 accepts `connection`, `keep-alive` and `transfer-encoding`, and names in any case. The transport adds
   * `date` if missing, and frames the content itself if there is no `content-length`.
   */
  respond(status: number, fields: FieldSection, options?: RespondOptions): void;

  /** The same as `respond` and `end(content)`, where the transport can do both at once. Use the function of that name. */
  respondWhole?(status: number, fields: FieldSection, content: Uint8Array): void;

  /**
   * Returns true if there is room for content now; otherwise `onDrain` is called later. Call it before fetching
   * content: it reserves room for `bytes` until the next `write` or the next call.
   */
  hasRoom(bytes?: number): boolean;

  /** Estimated bytes prepared for the next write. The memory budget counts them. */
  preparedBytes: number;

  /**
   * Writes content. The transport owns the chunk until it calls `released`, exactly once, however the exchange ends.
   * Returns false when enough is queued: wait for `onDrain`. Writing anyway only costs memory.
   */
  write(chunk: Uint8Array, released?: ReleaseChunk): boolean;

  /**
   * Ends the response, with an optional last chunk and trailers. If the request's body is still open, asks the client
   * to stop sending it (H3_NO_ERROR, RFC 9114 §4.1), unless `readsOn` is set.
   */
  end(last?: Uint8Array, trailers?: FieldSection): void;

  /** Set before `end` to continue reading the request's body. The exchange then stays open until the body ends. */
  readsOn?: boolean;

  /**
   * Accepts the tunnel, instead of `respond`: sends 101 or 200 with these fields. From now on the exchange's bytes
   * belong to the tunnel, and the exchange only calls `onClose`.
   */
  acceptTunnel(fields: FieldSection): Tunnel;

  /** The request is acted upon from now on: a server that closes must not hand it back. */
  commit?(): void;

  /** Resets the exchange: a response that cannot be completed must not look complete. */
  reset(reason: Error): void;

  /** Called when there is room again, after `write` or `hasRoom` returned false. */
  onDrain: (() => void) | undefined;
  /** Called when `aborted` is set. */
  onAbort: ((reason: Error) => void) | undefined;
  /**
   * The priority that the client and the response's field have set (RFC 9218). Undefined if the transport sends one response
   * after another, as HTTP/1.1 does: then only the fields say it.
   */
  readonly priority?: Priority | undefined;
  /** Changes the order in which the response is sent, after its head; before, its `priority` field does. */
  prioritize?(members: PartialPriority): void;
  /** Called when the client changes the priority (PRIORITY_UPDATE). */
  onPriority?: ((priority: Priority) => void) | undefined;

  /** Called last, however the exchange ends. For statistics and logs, not for handlers. */
  onClose: (() => void) | undefined;
}

/** Sends a response whose content is known and not empty. */
export function respondWhole(
  exchange: ServerExchange,
  status: number,
  fields: FieldSection,
  content: Uint8Array,
): void {
  if (exchange.respondWhole !== undefined) {
    exchange.respondWhole(status, fields, content);
    return;
  }
  exchange.respond(status, fields);
  exchange.end(content);
}

/** Called by a transport for each request with a well-formed head. Must not throw. */
export type ExchangeHandler = (exchange: ServerExchange) => void;

/**
 * Sends 100 (Continue) if the client expects it (RFC 9110 §10.1.1). Call it when starting to read a body, so that a
 * handler that ignores the body does not request it.
 */
export function continueIfExpected(exchange: ServerExchange): void {
  if (exchange.status !== undefined || exchange.body.state !== "open") return;
  const expect = fieldValue(exchange.fields, "expect");
  if (expect?.toLowerCase() === "100-continue") exchange.inform(100, []);
}
