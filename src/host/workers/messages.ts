/**
 * The messages between a supervisor and its workers, over Node's channel for child processes. They never change within a
 * major version, since a reload may start a newer program under an older supervisor. Each has the mark `nagare`, because
 * the program of the worker may use the channel too.
 */

import type { BoundAddress } from "../http/listener.ts";
import type { Topology } from "./neighbours.ts";
import type { Place } from "./place.ts";
import type { Failure } from "./supervisor-machine.ts";

/** The environment variable that tells a process that it is a worker. */
export const WORKER_VARIABLE = "NAGARE_WORKER";

/** A socket that the supervisor has opened. */
export interface InheritedSocket {
  readonly transport: "tcp" | "udp";
  /** What was asked for: "::", port 0. */
  readonly host: string;
  readonly requestedPort: number;
  readonly port: number;
  /** True for an address that clients should move to (RFC 9000 §9.6). */
  readonly isPreferred: boolean;
  /** Absent for a UDP address that each worker binds itself. */
  readonly descriptor?: number;
}

export interface WorkerSetup {
  readonly place: Place;
  readonly workers: number;
  readonly addresses: readonly BoundAddress[];
  readonly sockets: readonly InheritedSocket[];
  /** The folder of the channels between workers, and their secret. */
  readonly folder: string;
  readonly channelSecret: Uint8Array;
  /** The key of connection ids. */
  readonly idKey: Uint8Array;
  /** For keys that all workers share, unless the program has its own. */
  readonly secret: Uint8Array;
}

export type ToWorker =
  | ({ readonly nagare: "setup" } & WorkerSetup)
  /** With the certificates that replaced the program's own meanwhile, if any. */
  | { readonly nagare: "serve"; readonly tls?: unknown }
  | ({ readonly nagare: "topology" } & Topology)
  /** Milliseconds. After a reload, another process reads the sockets. */
  | { readonly nagare: "drain"; readonly timeout: number; readonly isReload: boolean }
  /** New certificates, as for `serve`. */
  | { readonly nagare: "certificates"; readonly id: number; readonly tls: unknown }
  /** Asks for the worker's metrics. */
  | { readonly nagare: "metrics"; readonly id: number };

export type FromWorker =
  | { readonly nagare: "hello" }
  | { readonly nagare: "ready" }
  | { readonly nagare: "serving" }
  /** All connections have ended, and the process will. */
  | { readonly nagare: "leaving" }
  | { readonly nagare: "failed"; readonly failure: Failure }
  | { readonly nagare: "certificates"; readonly id: number; readonly failure?: Failure }
  /** The metrics of this worker in Prometheus' text format: an answer, or without an id the last ones before its end. */
  | { readonly nagare: "metrics"; readonly id?: number; readonly text: string };

export const isMessage = (value: unknown): value is { readonly nagare: string } =>
  typeof value === "object" && value !== null && typeof (value as { nagare?: unknown }).nagare === "string";
