/** The messages between the benchmark and its own processes. */

import type { CongestionControl } from "../src/congestion/index.ts";

export interface ServerOrder {
  readonly certFile: string;
  readonly keyFile: string;
  readonly directory: string;
  readonly congestionControl?: CongestionControl;
  /** The address to listen on. */
  readonly host: string;
}

export interface WebTransportServerOrder {
  readonly certFile: string;
  readonly keyFile: string;
  readonly engine: "auto" | "portable";
}

export interface TcpFlowOrder {
  /** The sender's address. */
  readonly host: string;
  /** Given to the receiver. */
  readonly port?: number;
}

export interface ServerReady {
  readonly port: number;
}

export interface LoadOrder {
  readonly url: string;
  /** The server's address; loopback by default. */
  readonly host?: string;
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
  /** The mean size of the datagrams that arrived on the last connection. */
  readonly datagramSize?: number;
  readonly error?: string;
}

export interface DatapathServerOrder {
  readonly host: string;
}

export interface DatapathOrder {
  readonly host: string;
  readonly port: number;
  readonly bytes: number;
  /** Of each datagram. */
  readonly size: number;
}

export interface SteadyOrder {
  readonly url: string;
  readonly ca: string;
  readonly seconds: number;
  /** HTTP/3 alone by default; the clients take turns. */
  readonly protocols?: readonly ("h3" | "h2" | "http/1.1")[];
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

export interface HttpAttackOrder {
  readonly name: string;
  readonly port: number;
  readonly seconds: number;
}

export interface AttackDone {
  /** The code and time of the victim's CONNECTION_CLOSE. */
  readonly closed?: string;
  readonly milliseconds?: number;
  readonly error?: string;
}

export type FrameworkServer =
  | "node:http"
  | "node:https"
  | "node:http2"
  | "nagare/node h1"
  | "nagare/node h2"
  | "nagare/node h3";

export type FrameworkApp = "plain" | "express";

/** The server answers each further message with its CPU time in microseconds. */
export interface FrameworkOrder {
  readonly certFile: string;
  readonly keyFile: string;
  readonly server: FrameworkServer;
  readonly app: FrameworkApp;
}

export interface FrameworkLoad {
  /** "h1" is HTTP/1.1 over TLS. */
  readonly protocol: "http" | "h1" | "h2" | "h3";
  readonly host: string;
  readonly port: number;
  /** The trusted authority as PEM. */
  readonly ca: string;
  readonly path: string;
  /** JSON to post; a GET without it. */
  readonly body: string | undefined;
  readonly requests: number;
  /** The number of connections over HTTP/1.1, and of streams of one connection otherwise. */
  readonly concurrency: number;
  /** Keeps the connections for the next load. */
  readonly keep?: boolean;
}

export interface FrameworkLoadDone {
  readonly milliseconds: number;
  /** The cipher of TLS over TCP. */
  readonly cipher?: string;
  readonly error?: string;
}

export interface SimulatedTransferOrder {
  /** Virtual seconds. */
  readonly duration: number;
}

export interface SimulatedTransferDone {
  /** Real milliseconds, and milliseconds of CPU of all threads. */
  readonly took: number;
  readonly cpu: number;
}

/** What a jar of cookies costs: microseconds for each set and lookup, megabytes when it is full. */
export interface CookieJarCost {
  /** Microseconds, as all but `heap`. */
  readonly set: number;
  /** URLs that were looked up before. */
  readonly known: number;
  /** URLs that were never looked up before. */
  readonly fresh: number;
  /** A fresh URL after one of the site's cookies has changed, and that change. */
  readonly changed: number;
  /** Megabytes. */
  readonly heap: number;
}
