// What is known about how a response came: for `client.facts(response)`, `nagare get --trace` and `--json`.
import type { ConnectionTimings, Field, Protocol, SessionStats } from "../host/client/session.ts";

export interface ExchangeFacts {
  readonly url: string;
  readonly method: string;
  readonly status: number;
  /** The response's field lines in the order received, with names as the server spelled them. */
  readonly fields: readonly Field[];
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** An earlier request had used the connection. */
  readonly reused: boolean;
  /** How often the request was sent: more than once when a connection was lost, or the server refused it unprocessed. */
  readonly attempts: number;
  readonly connection: ConnectionTimings;
  /** Live until the body ends. */
  readonly timings: ExchangeTimings;
  /** Bytes of content received, still encoded. Live until the body ends. */
  readonly contentBytes: number;
  /** Trailer fields, once the body has ended. */
  readonly trailers: readonly Field[];
  /** The same, with names as the server spelled them. */
  readonly trailerLines: readonly Field[];
  /** The responses that redirected here, in order. */
  readonly redirects: readonly ExchangeFacts[];
  /** The figures of the connection at this moment. */
  stats(): SessionStats;
}

/** Milliseconds on the clock of `performance.now()`. */
export interface ExchangeTimings {
  /** The request was asked for. */
  readonly start: number;
  /** A connection took it. */
  readonly requestStart: number;
  /** All of it was handed to the transport. */
  readonly requestEnd?: number;
  /** The response's head was there. */
  readonly responseStart: number;
  /** The response's last byte was there. */
  readonly responseEnd?: number;
}
