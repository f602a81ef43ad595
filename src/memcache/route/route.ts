/**
 * What every route is: something that takes a request and later, or at once, hands a response to a sink. Routes hold
 * routes; the innermost one is a pool. A route may be used by any number of requests at a time.
 */

import type { Instant } from "../../base/time.ts";
import type { Request } from "../protocol/request.ts";
import type { Response } from "../protocol/response.ts";

export interface ResponseSink {
  /** Takes the one response to what was started with this tag. Undefined if the route has no response to give. */
  handleResponse(response: Response | undefined, tag: number, now: Instant): void;
}

export interface Route {
  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void;
}

/** How good a response is: a hit or a success, a miss of a get, or an error. */
export type Quality = "good" | "ok" | "error";

export function qualityOf(response: Response | undefined): Quality {
  if (response === undefined || !response.ok) return "error";
  return response.hit ? "good" : "ok";
}

/** Something that waits for a deadline. */
export interface Alarm {
  handleAlarm(now: Instant): void;
}

/** Starts and stops alarms for routes that wait. */
export interface Alarms {
  set(alarm: Alarm, at: Instant): () => void;
}

/** Counts for `stats proxy`, by name. */
export interface Counters {
  /** Returns a function that counts one event, or several. */
  counter(name: string): (count?: number) => void;
  /** Forgets a counter. */
  drop(name: string): void;
}
