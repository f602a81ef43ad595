/** The messages between the benchmark and its own processes. */

export interface ServerOrder {
  readonly certFile: string;
  readonly keyFile: string;
  readonly directory: string;
}

export interface ServerReady {
  readonly port: number;
}

export interface LoadOrder {
  readonly url: string;
  /** The trusted authority as PEM. */
  readonly ca: string;
  /** The total number of requests; `concurrency` is the maximum at once. */
  readonly requests: number;
  readonly concurrency: number;
  /** The number of connections, each with its own client, kept open until the next order. One by default. */
  readonly connections?: number;
}

export interface LoadDone {
  readonly bytes: number;
  /** Milliseconds, including the handshake. */
  readonly milliseconds: number;
  readonly error?: string;
}
