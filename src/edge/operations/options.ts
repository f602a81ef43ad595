/** The options of a server's operations. All but loggers and callbacks are plain data, so that files can hold them. */

import type { AccessLogOptions } from "./access-log/access-log.ts";
import type { DeprecationReportOptions } from "./deprecation/report.ts";
import type { RequestIdOptions } from "./identification/request-id.ts";
import type { TraceContextOptions } from "./identification/traceparent.ts";
import type { LimitsOptions } from "./limits/options.ts";
import type { MetricsOptions } from "./metrics/options.ts";

export interface OperationsOptions {
  /** Counts requests, connections and more, for Prometheus, and opens a listener for `/metrics`, `/healthz` and `/readyz`. */
  readonly metrics?: MetricsOptions | undefined;
  /** Writes a line for each request: to a file, to standard output ("-"), or as the options say. */
  readonly accessLog?: string | AccessLogOptions | readonly (string | AccessLogOptions)[] | undefined;
  /**
   * Reports who still calls what is deprecated, as responses say with Deprecation and Sunset: to a file, to standard output ("-"), or
   * as the options say.
   */
  readonly deprecationReport?: string | DeprecationReportOptions | undefined;
  /** Gives each request an id: true for the defaults. On with an access log; false turns it off. */
  readonly requestId?: boolean | RequestIdOptions | undefined;
  /** Continues or begins a trace (W3C traceparent) for each request: true for the defaults. Off by default. */
  readonly traceContext?: boolean | TraceContextOptions | undefined;
  /** The user, by name or number, that a process started by root becomes once its sockets are bound. */
  readonly user?: string | undefined;
  /** The group that it becomes with `user`. By default, the user's own. */
  readonly group?: string | undefined;
  /**
   * True to serve on the sockets that systemd has opened, if there are any, and to tell it when the server is ready, reloads,
   * stops and lives (watchdog).
   */
  readonly systemd?: boolean | undefined;
  /** Refuses connections and requests above these limits. */
  readonly limits?: LimitsOptions | undefined;
  /**
   * Addresses and prefixes of proxies in front. Their X-Forwarded-For or Forwarded tells the client's address, and their
   * request ids are accepted.
   */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** True if the server has operations at all. */
export const hasOperations = ({
  accessLog,
  deprecationReport,
  requestId,
  traceContext,
  metrics,
  limits,
  systemd,
}: OperationsOptions): boolean =>
  accessLog !== undefined ||
  deprecationReport !== undefined ||
  metrics !== undefined ||
  limits !== undefined ||
  systemd === true ||
  (requestId ?? false) !== false ||
  (traceContext ?? false) !== false;
