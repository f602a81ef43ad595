// A connection as the client sees it, for every protocol: a Session takes requests and reports events. HTTP/1.1
// (http1.ts), HTTP/2 (http2.ts) and HTTP/3 (http3.ts has the connector) implement this interface. origin.ts shares
// sessions between requests, exchange.ts turns events into a Response.

import type { FieldLine, HttpVersion } from "../../http/index.ts";
import type { PartialPriority } from "../../http/priority/index.ts";
import type { SettingValues } from "../../webtransport/h2/settings.ts";
import type { SessionStreams } from "../../webtransport/h3/index.ts";
import type { Identity } from "../certificates/identity.ts";
import type { TunnelDatagrams } from "../http/tunnel.ts";
import type { MigrateOptions } from "./client-sockets.ts";
import type { ServerFrames } from "./server-frames.ts";

/** A version of HTTP: "http/1.1", "h2" or "h3". */
export type Protocol = HttpVersion;

/** One field line. Names are lower case; pseudo-header fields never appear here. */
export type Field = FieldLine;

/**
 * The control data of a request (RFC 9110 §6.2) and its header section. `fields` never has `host`, which is the
 * authority.
 */
export interface ClientRequestHead {
  readonly method: string;
  /**
   * Requests a tunnel, with GET: the token of Upgrade in HTTP/1.1, and of `:protocol` in an extended CONNECT (RFC 8441,
   * RFC 9220). If the status is 101, or 2xx for CONNECT, the content in both directions is that of the tunnel.
   */
  readonly protocol?: string | undefined;
  /** True if the directions of a tunnel end separately. Otherwise ours may end with the server's. */
  readonly isHalfOpen?: boolean | undefined;
  readonly scheme: "https" | "http";
  readonly authority: string;
  /** Path and query, as on the wire. */
  readonly path: string;
  readonly fields: readonly Field[];
}

/** Content to send. `length` is undefined if unknown. A session takes from `chunks` as fast as it can send. */
export interface RequestContent {
  readonly length: number | undefined;
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /**
   * Called after the last chunk: the trailer section (RFC 9110 §6.5). HTTP/1.1 sends it only with content whose length is
   * unknown (RFC 9112 §7.1.2). If it is set, HTTP/2 keeps the stream open until the end of the content.
   */
  readonly trailers?: (() => readonly Field[]) | undefined;
}

/**
 * The events of one exchange, in this order: onInformational*, onHead, onData*, then exactly one of onEnd and onError.
 * onError may come at any point and is the last event. No event follows `ClientExchange.reset`. Handlers must not
 * throw.
 */
export interface ResponseHandler {
  /** The whole request, including its content, was passed to the transport. */
  onRequestSent(): void;
  /** A 1xx response. `spelled` has the field names in the peer's own case, in HTTP/1.1 only. */
  onInformational(status: number, fields: readonly Field[], spelled?: readonly Field[]): void;
  /** The final response's head. `spelled` has the field names in the peer's own case, in HTTP/1.1 only. */
  onHead(status: number, fields: readonly Field[], statusText: string, spelled?: readonly Field[]): void;
  /** The receiver owns the chunk: the session does not reuse or change its memory. */
  onData(chunk: Uint8Array): void;
  /** The response is complete. `trailers` is empty without a trailer section. */
  onEnd(trailers: readonly Field[], spelled?: readonly Field[]): void;
  /**
   * `unprocessed` is true if the server cannot have acted on the request (RFC 9113 §8.7, RFC 9114 §5.2): any method may
   * then be retried on another connection.
   */
  onError(error: Error, unprocessed: boolean): void;
}

/** Controls one exchange. */
export interface ClientExchange {
  /** Over HTTP/3, for a request with a protocol, once the head of its response has arrived. */
  readonly datagrams?: TunnelDatagrams | undefined;
  /** The same, of a WebTransport session. */
  readonly sessionStreams?: SessionStreams | undefined;
  /** Over HTTP/2: the server's settings beyond RFC 9113 that the connection reads. */
  readonly peerSettings?: SettingValues | undefined;
  /** Tells the server another priority (RFC 9218 §7). Returns false if that is impossible: over HTTP/1.1, over most of HTTP/2, or too late. */
  reprioritize?(priority: PartialPriority): boolean;
  /** Pauses onData. A few chunks that are already in transit may still follow. */
  pause(): void;
  /** Continues onData after `pause`. */
  resume(): void;
  /** Cancels both directions: RST_STREAM, RESET_STREAM with STOP_SENDING, or the end of an HTTP/1.1 connection. */
  reset(reason: Error): void;
}

/** Times in a connection's life, in milliseconds on the `performance.now()` clock. */
export interface ConnectionTimings {
  readonly lookupStart: number;
  readonly lookupEnd: number;
  readonly connectStart: number;
  /** The time TCP was established. Absent for HTTP/3. */
  readonly connectEnd?: number;
  readonly handshakeStart?: number;
  readonly handshakeEnd?: number;
}

/** Live statistics of a connection. Values that a protocol does not know are absent. */
export interface SessionStats {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Requests started on this connection so far. */
  readonly requests: number;
  /** Milliseconds. For TCP, the duration of the TCP handshake. */
  readonly rtt?: number;
  readonly minRtt?: number;
  readonly packetsSent?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  /** Bytes. */
  readonly congestionWindow?: number;
  /** The largest datagram that the path is known to carry, in bytes. */
  readonly datagramSize?: number;
  /** Other facts to display: TLS version, cipher, QUIC version, Retry seen … */
  readonly details: Readonly<Record<string, string | number>>;
}

/** A connection that takes requests, over any version of HTTP. Times are in milliseconds. */
export interface Session {
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings: ConnectionTimings;
  /** True until the session drains or closes; after that it takes no more requests. */
  readonly usable: boolean;
  /** How many more requests may start now. 0 while the peer's limit is reached, and once the session is not usable. */
  readonly room: number;
  /** Requests in progress. */
  readonly active: number;
  /** Consecutive probes that the server did not answer; 0 or undefined if it is not silent. A silent session has no room. */
  readonly silence?: number;
  /** The server's certificates (DER, its own first); undefined without TLS. */
  readonly chain?: readonly Uint8Array[] | undefined;
  /** The origins that the server named in ORIGIN frames (RFC 8336, RFC 9412); undefined if it sent none. */
  readonly origins?: ReadonlySet<string> | undefined;
  /**
   * Call when a newer connection works: sends a last probe on this silent one and ends it unless the server answers.
   */
  supersede?(): void;
  /** Moves the connection to another address of this machine, over HTTP/3 (RFC 9000 §9). Rejects if that is impossible. */
  migrate?(options?: MigrateOptions): Promise<void>;
  /** Sends a request and reports what follows to `handler`. Call it only while `room` is more than 0. */
  request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange;
  /** Statistics of the connection so far. */
  stats(): SessionStats;
  /** Takes no more requests, finishes those in progress, then closes. */
  close(): Promise<void>;
  /** Closes now; requests in progress fail with `error`. */
  destroy(error: Error): void;
  /** Resolves when the connection is closed. Never rejects. */
  readonly closed: Promise<void>;
}

/** Options of every connector. */
export interface DialOptions {
  /** The name for SNI, which the certificate must match. For an address literal, the address without brackets. */
  readonly servername: string;
  readonly port: number;
  /** The host's resolved addresses, best first. Not empty, unless there is a path. */
  readonly addresses: readonly ResolvedAddress[];
  /** The address of this machine to connect from. By default, the system chooses it. */
  readonly localAddress?: string | undefined;
  /** The path of a UNIX domain socket to connect to, instead of an address. */
  readonly path?: string | undefined;
  readonly lookupStart: number;
  readonly lookupEnd: number;
  readonly ca: readonly string[] | undefined;
  /** Milliseconds after which the caller aborts the attempt, if not before; 0 or Infinity for no limit. */
  readonly connectTimeout?: number;
  /** For servers that ask for a client certificate. */
  readonly identity?: Identity | undefined;
  readonly rejectUnauthorized: boolean;
  /** SHA-256 of certificates, one of which the server must have, instead of one that an authority issued. */
  readonly certificateHashes?: readonly Uint8Array[] | undefined;
  /** HTTP/3: true to send requests with safe methods in 0-RTT, which an attacker can repeat (RFC 8470). */
  readonly earlyData?: boolean;
  /** Called with each line of the key log (RFC 9850), without the line feed. */
  readonly keylog: ((line: string) => void) | undefined;
  /** HTTP/3: the versions of QUIC that the server is said to speak, the best first. The first flight is in one of them. */
  readonly quicVersions?: readonly number[] | undefined;
  /** Frames of drafts to read, over HTTP/2 and HTTP/3 with TLS. */
  readonly serverFrames?: ServerFrames | undefined;
  /** Called when the transport is established and its handshake goes on. */
  readonly onProgress?: (() => void) | undefined;
  /** Aborts the attempt, which then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Call whenever `room` may have grown, and when the session stops taking requests. */
  readonly onChange: () => void;
}

/** An address of a host, and its family. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}
