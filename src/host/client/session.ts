// What the client asks of one connection, whichever protocol carries it: a Session takes requests and answers with events.
// HTTP/1.1 (http1.ts), HTTP/2 (http2.ts) and HTTP/3 (http3.ts names the connector) are three implementations of this one shape;
// origin.ts shares sessions between requests, exchange.ts turns events into a Response.

import type { FieldLine, HttpVersion } from "../../http/index.ts";

export type Protocol = HttpVersion;

/** One field line. Names are lower case; pseudo-header fields never appear here. */
export type Field = FieldLine;

/** RFC 9110 §6.2: the control data of a request and its header section. A `host` field is never among `fields`: it is the authority. */
export interface ClientRequestHead {
  readonly method: string;
  readonly scheme: "https" | "http";
  readonly authority: string;
  /** Path and query, as on the wire. */
  readonly path: string;
  readonly fields: readonly Field[];
}

/** Content to send. `length` is undefined when it is not known beforehand; a session sends what `chunks` yields, at the pace it can. */
export interface RequestContent {
  readonly length: number | undefined;
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * The events of one exchange, in this order: onInformational*, onHead, onData*, then exactly one of onEnd and onError
 * (onError may come at any point, and is the last). No event comes after `ClientExchange.reset`. Handlers do not throw.
 */
export interface ResponseHandler {
  /** The whole request, content included, was handed to the transport. */
  onRequestSent(): void;
  /** A 1xx response. `spelled` is present where the peer chose the case of field names, as HTTP/1.1 lets it. */
  onInformational(status: number, fields: readonly Field[], spelled?: readonly Field[]): void;
  onHead(status: number, fields: readonly Field[], statusText: string, spelled?: readonly Field[]): void;
  /** The chunk belongs to the receiver: the session neither reuses nor changes its memory. */
  onData(chunk: Uint8Array): void;
  onEnd(trailers: readonly Field[], spelled?: readonly Field[]): void;
  /**
   * `unprocessed` says that the server cannot have acted on the request (RFC 9113 §8.7, RFC 9114 §5.2), so that any method
   * may be sent again on another connection.
   */
  onError(error: Error, unprocessed: boolean): void;
}

/** The controls of one exchange. */
export interface ClientExchange {
  /** Ask for no more onData for now. A chunk or two already on the way may still come. */
  pause(): void;
  resume(): void;
  /** Abandon the exchange, both directions (RST_STREAM or RESET_STREAM + STOP_SENDING with "cancelled"; for HTTP/1.1, the connection). */
  reset(reason: Error): void;
}

/** Moments in the life of a connection, in milliseconds on the clock of `performance.now()`. */
export interface ConnectionTimings {
  readonly lookupStart: number;
  readonly lookupEnd: number;
  readonly connectStart: number;
  /** TCP established. HTTP/3 has no such moment of its own. */
  readonly connectEnd?: number;
  readonly handshakeStart?: number;
  readonly handshakeEnd?: number;
}

/** Live figures of a connection. What a protocol does not know is absent. */
export interface SessionStats {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Requests started on this connection so far. */
  readonly requests: number;
  /** Milliseconds. For TCP this is the time its own handshake took. */
  readonly rtt?: number;
  readonly minRtt?: number;
  readonly packetsSent?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  /** Bytes that may be under way at once, as the congestion controller sees it. */
  readonly congestionWindow?: number;
  /** The largest datagram that the path is known to carry. */
  readonly datagramSize?: number;
  /** Whatever else is worth a line: TLS version, cipher, QUIC version, Retry seen, … */
  readonly details: Readonly<Record<string, string | number>>;
}

export interface Session {
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly timings: ConnectionTimings;
  /** False once no more requests may start here for good: it drains, or is closed. */
  readonly usable: boolean;
  /** How many more requests may start now; 0 while the peer's limit is reached, and once it is not usable. */
  readonly room: number;
  /** Requests in progress. */
  readonly active: number;
  /** Consecutive probes that the server did not answer; 0 or undefined if it is not silent. A silent session has no room. */
  readonly silence?: number;
  /** A newer connection works: this silent one gets a last probe, and ends unless the server answers. */
  supersede?(): void;
  request(head: ClientRequestHead, content: RequestContent | undefined, handler: ResponseHandler): ClientExchange;
  stats(): SessionStats;
  /** Take no more requests, let those in progress end, then close. */
  close(): Promise<void>;
  /** Close now; requests in progress fail with `error`. */
  destroy(error: Error): void;
  /** Settles, and never rejects, once the connection is gone. */
  readonly closed: Promise<void>;
}

/** What every connector is told. */
export interface DialOptions {
  /** The name the certificate must be for, and the SNI. For an address literal, that address without brackets. */
  readonly servername: string;
  readonly port: number;
  /** Where to connect, best first: the host's addresses, already looked up. Never empty. */
  readonly addresses: readonly ResolvedAddress[];
  readonly lookupStart: number;
  readonly lookupEnd: number;
  readonly ca: readonly string[] | undefined;
  readonly rejectUnauthorized: boolean;
  /** Called with each line of the key log (RFC 9850), without its line break. */
  readonly keylog: ((line: string) => void) | undefined;
  /** Aborts the attempt; its reason is what the attempt then rejects with. */
  readonly signal: AbortSignal;
  /** To be called whenever `room` may have grown and when the session stops taking requests. */
  readonly onChange: () => void;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}
