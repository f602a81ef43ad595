/** Options of a backend, with memcached 1.6.38's defaults. */

import { type Micros, seconds } from "../../base/time.ts";

export interface BackendOptions {
  readonly label: string;
  /** A name, an address, or the absolute path of a Unix socket. */
  readonly host: string;
  readonly port: string;
  /** Connections that requests are spread over. */
  readonly connections: number;
  readonly connectTimeout: Micros;
  /** Limit for the time without a byte while a response is due. */
  readonly readTimeout: Micros;
  /** Time between two attempts to reach a backend that is marked as bad. */
  readonly retryTimeout: Micros;
  /** A failure within this time of the last one counts as flapping; 0 turns this off. */
  readonly flapTime: Micros;
  readonly flapBackoffRamp: number;
  readonly flapBackoffMax: Micros;
  /** Failures in a row that are retried at once. */
  readonly failureLimit: number;
  /** Requests that may wait for this backend; 0 for no limit. */
  readonly depthLimit: number;
  readonly keepalive: boolean;
  readonly tls: boolean;
  /** The name in its certificate, if that is not the host. */
  readonly tlsName?: string;
  /** True if the backend is not to be contacted: its requests fail, and its place in the pool stays. */
  readonly down: boolean;
  /** True if a read is sent again, once, when the connection that it was sent on closes. */
  readonly retryReads: boolean;
}

export const BACKEND_DEFAULTS: Omit<BackendOptions, "label" | "host" | "port"> = {
  connections: 1,
  connectTimeout: seconds(5),
  readTimeout: seconds(3),
  retryTimeout: seconds(3),
  flapTime: seconds(0),
  flapBackoffRamp: 1.5,
  flapBackoffMax: seconds(3600),
  failureLimit: 3,
  depthLimit: 0,
  keepalive: false,
  tls: false,
  down: false,
  retryReads: true,
};

/** Backends with the same key share their connections, and keep them over a reload. */
export const backendKey = (options: BackendOptions): string => JSON.stringify(Object.entries(options).sort());
