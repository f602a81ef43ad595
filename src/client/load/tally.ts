// What a load generator counts, and the report that it makes of it.
import { type Instant, type Micros, micros, since, toSeconds } from "../../base/time.ts";
import { ClientError } from "../../host/client/errors.ts";
import type { Protocol } from "../../host/client/session.ts";
import { Histogram } from "../../load/index.ts";

/** Different errors to count; all others together. */
const MAX_ERRORS = 32;

export interface LoadError {
  /** A code of ClientError, or "OTHER". */
  readonly code: string;
  /** Of the first one. */
  readonly message: string;
  readonly count: number;
}

export interface LoadReport {
  readonly protocol: Protocol;
  /** From the first intended start to the last response. */
  readonly duration: Micros;
  /** Requests that started, and those of them with a whole response, of any status. */
  readonly started: number;
  readonly completed: number;
  /** Requests that failed, and those still in progress when the run was stopped. */
  readonly failed: number;
  readonly unfinished: number;
  /** Requests of an open loop that were due, but never started. */
  readonly unsent: number;
  /** Responses by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Of requests and of attempts to connect, the most frequent ones first. */
  readonly errors: readonly LoadError[];
  /** Bytes of content. */
  readonly received: number;
  readonly sent: number;
  /** From the intended start to the end of the response, and of what was never sent, to the end of the run. */
  readonly latency: Histogram;
  /** From the time the request was passed to the connection. */
  readonly service: Histogram;
  /** Connection and handshake. */
  readonly connecting: Histogram;
  /** Connections that were opened, and attempts that failed. */
  readonly opened: number;
  readonly unopened: number;
}

/** How far a run is. The histogram is live. */
export interface LoadProgress
  extends Pick<LoadReport, "completed" | "failed" | "received" | "started" | "latency" | "opened"> {
  readonly elapsed: Micros;
  readonly backlog: number;
  readonly inProgress: number;
}

export class Tally {
  readonly latency = new Histogram();
  readonly service = new Histogram();
  readonly connecting = new Histogram();
  readonly statuses = new Map<number, number>();
  completed = 0;
  failed = 0;
  received = 0;
  sent = 0;
  opened = 0;
  unopened = 0;
  readonly #errors = new Map<string, { readonly code: string; readonly message: string; count: number }>();

  completedAt(now: Instant, intended: Instant, sent: Instant, status: number): void {
    this.completed += 1;
    this.latency.record(since(intended, now));
    this.service.record(since(sent, now));
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  failedAt(now: Instant, intended: Instant, error: Error): void {
    this.failed += 1;
    // A request that times out would otherwise improve the figures.
    this.latency.record(since(intended, now));
    this.count(error);
  }

  count(error: Error): void {
    const code = error instanceof ClientError ? error.code : "OTHER";
    const known = this.#errors.get(code);
    if (known !== undefined) known.count += 1;
    else if (this.#errors.size < MAX_ERRORS) this.#errors.set(code, { code, message: error.message, count: 1 });
  }

  get errors(): readonly LoadError[] {
    return [...this.#errors.values()].sort((a, b) => b.count - a.count);
  }
}

/** Per second; 0 if no time has passed. */
export const perSecond = (count: number, duration: Micros): number => {
  const seconds = toSeconds(duration);
  return seconds > 0 ? count / seconds : 0;
};

export const noTime: Micros = micros(0);
