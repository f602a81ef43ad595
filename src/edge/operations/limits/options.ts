/** The limits of a server, against overload and against single clients. */

import { ServeError } from "../../../host/listen/errors.ts";

export interface LimitsOptions {
  /**
   * Open connections of one client, over TCP and QUIC together. A client is an IPv4 address or the /64 of an IPv6 address.
   * Trusted proxies are not limited. No limit by default.
   */
  readonly connectionsPerAddress?: number | undefined;
  /** Requests per second of one client; above it, a 429 with Retry-After. No limit by default. */
  readonly requestsPerSecond?: number | undefined;
  /** Requests that a client may send at once after a pause. By default, those of two seconds. */
  readonly burst?: number | undefined;
  /** Requests in progress in this process; above it, a 503. No limit by default. */
  readonly concurrentRequests?: number | undefined;
  /**
   * Milliseconds by which the event loop may be late. Above it, a growing share of requests get a 503, until it is in time
   * again. No limit by default.
   */
  readonly maxLag?: number | undefined;
  /** Bytes that the program may use, in V8's heap and outside of it; above it, requests get a 503. No limit by default. */
  readonly maxMemory?: number | undefined;
  /** Milliseconds that refused clients are asked to wait (Retry-After). 1,000 by default. */
  readonly retryAfter?: number | undefined;
  /** Addresses and prefixes of clients that have no limits of their own, such as those of monitoring. */
  readonly exempt?: readonly string[] | undefined;
}

/** Throws a `ServeError` for a limit that is not a number above 0. */
export function checkLimits({ exempt: _, ...limits }: LimitsOptions): void {
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined || value > 0) continue;
    throw new ServeError(
      "OPTION_INVALID",
      `limits.${name} ${value} is not a limit: give a number above 0, or leave it out`,
    );
  }
  if (limits.burst !== undefined && limits.burst < 1) {
    throw new ServeError("OPTION_INVALID", `limits.burst ${limits.burst} lets no request pass: give at least 1`);
  }
}
