/**
 * One request and its response, whatever carried them: the seam that HTTP/1.1, HTTP/2 and HTTP/3 implement and that
 * every product (the fetch face, files, the proxy) is written against.
 *
 * It is synchronous and made of plain calls, since a small request must cost little: no promises, no web streams, no
 * `Headers`. Who answers sets the callbacks it needs and calls the methods; a transport calls the callbacks.
 *
 * Order of calls: any number of `inform`, then one `respond`, then any number of `write`, then `end`; `reset` at any
 * time instead. After `aborted` is set, or after `reset`, every one of them does nothing.
 */
import { type FieldSection, fieldValue, type HttpVersion } from "../../http/index.ts";
import type { RequestBody } from "./request-body.ts";
import type { Tunnel, TunnelOffer } from "./tunnel.ts";

export type { BodyState, RequestBody } from "./request-body.ts";
export type { HttpVersion };

export interface PeerAddress {
  readonly address: string;
  readonly port: number;
  readonly family: "IPv4" | "IPv6";
}

/** What a transport can tell about its connection: figures by name, cheap enough to be asked for in any handler. */
export interface ConnectionInfo {
  stats(): Readonly<Record<string, number | string>>;
}

export interface RespondOptions {
  /** The response has no content and no trailers: `end` is not called. */
  readonly endStream?: boolean;
  /** `end` may bring trailers (HTTP/2 of Node wants to know before). */
  readonly trailers?: boolean;
  /** HTTP/1.1: the reason phrase (RFC 9112 §4). The standard one by default. */
  readonly reason?: string | undefined;
  /** False if the transport must not add `date`. */
  readonly sendDate?: boolean;
}

/** The head of an HTTP/1.1 request as received. */
export interface Http1RequestHead {
  readonly version: "1.0" | "1.1";
  /** The request target in any form (RFC 9112 §3.2). */
  readonly target: string;
  /** Alternating names and values, in their original spelling. */
  readonly rawHeaders: readonly string[];
}

/** Called with a chunk when the transport will not look at it again; its owner may then fill it anew. */
export type ReleaseChunk = (chunk: Uint8Array) => void;

export interface ServerExchange {
  readonly protocol: HttpVersion;
  readonly method: string;
  /** What this server speaks; what a client says of it is not believed. */
  readonly scheme: string;
  /** `:authority`, or the Host field: host and port as the client named them. */
  readonly authority: string;
  /** `:path`: path and query, starting with "/"; or "*" for OPTIONS. */
  readonly path: string;
  /** The request's field lines, without pseudo-header fields and `host`, which is the authority. */
  readonly fields: FieldSection;
  readonly body: RequestBody;
  /** HTTP/1.1 only. */
  readonly http1?: Http1RequestHead | undefined;
  /** Set when the client asks to go over to another protocol, or through to another host. */
  readonly tunnelOffer: TunnelOffer | undefined;

  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Undefined where there is nothing to tell (TCP). */
  readonly connection: ConnectionInfo | undefined;

  /** The final status that `respond` was given; undefined before. */
  readonly status: number | undefined;
  /** Why the peer, or its connection, gave up; undefined as long as an answer makes sense. */
  readonly aborted: Error | undefined;

  /** An informational response (1xx, RFC 9110 §15.2). Dropped where the client would not understand it. */
  inform(status: number, fields: FieldSection): void;

  /**
   * The final response's head. Fields are without connection-specific ones (RFC 9114 §4.2) and legal (RFC 9110 §5.5).
   * HTTP/1.1 alone takes `connection`, `keep-alive` and `transfer-encoding`, and names in any case.
   * The transport adds `date` unless it is there, and frames content by itself where there is no `content-length`.
   */
  respond(status: number, fields: FieldSection, options?: RespondOptions): void;

  /**
   * Whether content has room now; when not, `onDrain` says when. To be asked before content is fetched: `bytes` that will
   * soon be there take their room until the next `write`, or the next time this is asked.
   */
  hasRoom(bytes?: number): boolean;

  /** Bytes that are kept ready to be written next, as an estimate. The memory budget counts them. */
  heldAside: number;

  /**
   * Content. The transport owns the chunk until it calls `released`, which it does once, however the exchange ends.
   * Returns false when enough is waiting: write on when `onDrain` is called. Nothing is lost by not obeying but memory.
   */
  write(chunk: Uint8Array, released?: ReleaseChunk): boolean;

  /**
   * The end of the response, with its last chunk and trailers. If the request's body is still open, the peer is told
   * that nobody will read it (H3_NO_ERROR, RFC 9114 §4.1), unless `readsOn` is set.
   */
  end(last?: Uint8Array, trailers?: FieldSection): void;

  /** Set before `end` to go on reading the request's body; the exchange then stays open until the body ends. */
  readsOn?: boolean;

  /**
   * Accepts the offer, in place of `respond`: 101 or 200 leaves with these fields, and the exchange's bytes are the
   * tunnel's from now on. Of the exchange, only `onClose` follows.
   */
  acceptTunnel(fields: FieldSection): Tunnel;

  /** Cuts the exchange off: an answer that cannot be completed must not look complete. */
  reset(reason: Error): void;

  /** Room again, after `write` returned false. */
  onDrain: (() => void) | undefined;
  /** `aborted` was set. */
  onAbort: ((reason: Error) => void) | undefined;
  /** The exchange is over, in whatever way; nothing follows. For who counts and logs, not for who answers. */
  onClose: (() => void) | undefined;
}

/** Called by a transport for each request whose head it found well-formed. It must not throw. */
export type ExchangeHandler = (exchange: ServerExchange) => void;

/**
 * Asks for the body of a client that waits to be asked (RFC 9110 §10.1.1). Whoever starts to read a body calls it, so
 * that an answer which never looks at the body never asks for it.
 */
export function continueIfExpected(exchange: ServerExchange): void {
  if (exchange.status !== undefined || exchange.body.state !== "open") return;
  const expect = fieldValue(exchange.fields, "expect");
  if (expect?.toLowerCase() === "100-continue") exchange.inform(100, []);
}
