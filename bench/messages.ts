/** What the benchmark and its own processes say to each other. */

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
  /** PEM of the authority to trust. */
  readonly ca: string;
  /** Requests in all, and at most so many at once. */
  readonly requests: number;
  readonly concurrency: number;
  /** Connections, each by a client of its own, and kept open until the next order. One by default. */
  readonly connections?: number;
}

export interface LoadDone {
  readonly bytes: number;
  /** Milliseconds, handshake included. */
  readonly milliseconds: number;
  readonly error?: string;
}
