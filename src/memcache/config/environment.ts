/** What a configuration is built with: the proxy's backends, clocks, counters and logs. */

import type { Backend } from "../backend/backend.ts";
import type { BackendOptions } from "../backend/options.ts";
import type { Response } from "../protocol/response.ts";
import type { Pool } from "../route/pool.ts";
import type { Alarms, Counters, Route } from "../route/route.ts";
import type { RequestRouter } from "../route/router.ts";

/** What handlers tell those who watch. */
export interface HandlerLog {
  /** A handler's own words. */
  user(text: string): void;
  /** A handler has failed. */
  error(text: string): void;
  /** A request that a handler wants logged. */
  request(entry: LoggedRequest): void;
}

export interface LoggedRequest {
  /** Microseconds until the response. */
  readonly elapsed: number;
  /** Undefined if there was none. */
  readonly response: Response | undefined;
  /** Who gave it, as `host:port`. */
  readonly backend: string;
  readonly client: string;
  readonly detail: string;
  readonly line: string;
}

export interface BuildEnvironment {
  readonly alarms: Alarms;
  readonly counters: Counters;
  readonly log: HandlerLog;
  /** Returns the backend in use with these options, or a new one. */
  backendFor(options: BackendOptions): Backend;
  /** A number of at least 0 and below 1. */
  random(): number;
  /** Milliseconds since 1970. */
  date(): number;
}

/** Builds a route from the routes of its children. */
export type RouteBuilder = (children: ReadonlyMap<string, Route>, environment: BuildEnvironment) => Route;

/** Routers that follow no description: they choose for every request themselves. */
export interface OwnRouters {
  build(pools: ReadonlyMap<string, Pool>, environment: BuildEnvironment): ReadonlyMap<string, RequestRouter>;
}
