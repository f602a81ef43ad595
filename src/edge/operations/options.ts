/** The options of a server's operations. All but loggers and callbacks are plain data, so that files can hold them. */

import type { AccessLogOptions } from "./access-log/access-log.ts";
import type { RequestIdOptions } from "./identification/request-id.ts";
import type { TraceContextOptions } from "./identification/traceparent.ts";
import type { LimitsOptions } from "./limits/options.ts";
import type { MetricsOptions } from "./metrics/options.ts";

export interface OperationsOptions {
  /** Counts requests, connections and more, for Prometheus, and opens a listener for `/metrics`, `/healthz` and `/readyz`. */
  readonly metrics?: MetricsOptions | undefined;
  /** Writes a line for each request: to a file, to standard output ("-"), or as the options say. */
  readonly accessLog?: string | AccessLogOptions | readonly (string | AccessLogOptions)[] | undefined;
  /** Gives each request an id: true for the defaults. On with an access log; false turns it off. */
  readonly requestId?: boolean | RequestIdOptions | undefined;
  /** Continues or begins a trace (W3C traceparent) for each request: true for the defaults. Off by default. */
  readonly traceContext?: boolean | TraceContextOptions | undefined;
  /** Refuses connections and requests above these limits. */
  readonly limits?: LimitsOptions | undefined;
  /**
   * Addresses and prefixes of proxies in front. Their X-Forwarded-For or Forwarded tells the client's address, and their
   * request ids are accepted.
   */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** True if the server has operations at all. */
export const hasOperations = ({ accessLog, requestId, traceContext, metrics, limits }: OperationsOptions): boolean =>
  accessLog !== undefined ||
  metrics !== undefined ||
  limits !== undefined ||
  (requestId ?? false) !== false ||
  (traceContext ?? false) !== false;
