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

export interface SoakOrder {
  readonly url: string;
  readonly ca: string;
  readonly serverName: string;
  readonly clients: number;
}

/** The results of the clients of one HTTP version since the last report. */
export interface SoakFigures {
  readonly protocol: string;
  readonly requests: number;
  /** The number of failures by message. */
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds to the end of each response, or to the head for event streams. */
  readonly latencies: readonly number[];
}

export interface HostileOrder {
  readonly port: number;
  readonly serverName: string;
  readonly large: string;
  /** Milliseconds until all have connected. */
  readonly span: number;
}

export interface LoadDone {
  readonly bytes: number;
  /** Milliseconds, including the handshake. */
  readonly milliseconds: number;
  readonly error?: string;
}

export interface SteadyOrder {
  readonly url: string;
  readonly ca: string;
  readonly seconds: number;
}

/** Milliseconds of each request, on an open connection and including the handshake. */
export interface SteadyDone {
  readonly requests: readonly number[];
  readonly handshakes: readonly number[];
  readonly failures: number;
}

export interface AttackOrder {
  readonly name: string;
  readonly port: number;
  /** Packets per second. */
  readonly rate: number;
  readonly seconds: number;
}

export interface AttackDone {
  /** The code and time of the victim's CONNECTION_CLOSE. */
  readonly closed?: string;
  readonly milliseconds?: number;
  readonly error?: string;
}
