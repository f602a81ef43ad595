// Details of how a response was obtained, for `client.facts(response)`, `nagare get --trace` and `--json`.
import type { TimedDecision } from "../host/client/race.ts";
import type { ConnectionTimings, Field, Protocol, SessionStats } from "../host/client/session.ts";

/** How a response was obtained. */
export interface ExchangeFacts {
  readonly url: string;
  readonly method: string;
  readonly status: number;
  /** The response's field lines in the order received, with names as the server spelled them. */
  readonly fields: readonly Field[];
  readonly protocol: Protocol;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** True if an earlier request used the connection. */
  readonly reused: boolean;
  /** How often the request was sent: more than once if a connection was lost or the server refused it unprocessed. */
  readonly attempts: number;
  readonly connection: ConnectionTimings;
  /**
   * With `happyEyeballs`: what was asked and tried since the request began, and why. Empty for a reused connection.
   */
  readonly decisions: readonly TimedDecision[];
  /** Live until the body ends. */
  readonly timings: ExchangeTimings;
  /** Bytes of content received, still encoded. Live until the body ends. */
  readonly contentBytes: number;
  /** Trailer fields, available once the body has ended. */
  readonly trailers: readonly Field[];
  /** The same, with names as the server spelled them. */
  readonly trailerLines: readonly Field[];
  /** Why an `http` URL was fetched over TLS: its host has asked for that (HSTS), or its HTTPS records (RFC 9460 §9.5). */
  readonly upgradedBy: "hsts" | "https-records" | undefined;
  /** The responses that redirected here, in order. */
  readonly redirects: readonly ExchangeFacts[];
  /** The current statistics of the connection. */
  stats(): SessionStats;
}

/** Milliseconds on the clock of `performance.now()`. */
export interface ExchangeTimings {
  /** `fetch` was called. */
  readonly start: number;
  /** A connection accepted the request. */
  readonly requestStart: number;
  /** The complete request was written to the transport. */
  readonly requestEnd?: number;
  /** The response head was received. */
  readonly responseStart: number;
  /** The last byte of the response was received. */
  readonly responseEnd?: number;
}
