/** The options of a server's metrics. */

/** A registry with prom-client's `metrics()`, whose text is added to the server's own. */
export interface TextRegistry {
  /** All metrics in Prometheus's text format. */
  metrics(): string | Promise<string>;
}

/** Where metrics are read, and what they distinguish. */
export interface MetricsOptions {
  /** The port of the listener for `/metrics`, `/healthz` and `/readyz`. 9464 by default; 0 lets the system choose. */
  readonly port?: number | undefined;
  /** Where it listens. 127.0.0.1 by default: it has no authentication. */
  readonly host?: string | undefined;
  /** Host names that have a label of their own, such as "example.com" or "*.example.com". By default, those of the certificates. */
  readonly sites?: readonly string[] | undefined;
  /** False to not listen to QUIC connections, which costs some processor time for each packet. */
  readonly quic?: boolean | undefined;
  /** A registry of the program, such as prom-client's. */
  readonly registry?: TextRegistry | undefined;
}

export const DEFAULT_METRICS_PORT = 9464;
export const DEFAULT_METRICS_HOST = "127.0.0.1";
