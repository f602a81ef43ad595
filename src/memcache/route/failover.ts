/** Routes that try one child after another: failover in order, and zone failover (near first, then all far ones at once). */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { Request } from "../protocol/request.ts";
import type { Response } from "../protocol/response.ts";
import { type Alarm, type Alarms, qualityOf, type ResponseSink, type Route } from "./route.ts";

export interface FailoverOptions {
  /** Children that are tried at most. */
  readonly limit: number;
  /** True if a miss is also a reason to try the next child. */
  readonly miss: boolean;
  /** Time for each child. */
  readonly wait: Micros | undefined;
  /** Counts every child that is tried after the first. */
  readonly countRetry: (() => void) | undefined;
}

export class FailoverRoute implements Route {
  readonly #children: readonly Route[];
  readonly #options: FailoverOptions;
  readonly #alarms: Alarms;

  constructor(children: readonly Route[], options: FailoverOptions, alarms: Alarms) {
    this.#children = children.slice(0, options.limit);
    this.#options = options;
    this.#alarms = alarms;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    new Failover(this.#children, this.#options, this.#alarms, request, sink, tag).tryNext(now);
  }
}

class Failover implements ResponseSink, Alarm {
  readonly #children: readonly Route[];
  readonly #options: FailoverOptions;
  readonly #alarms: Alarms;
  readonly #request: Request;
  readonly #sink: ResponseSink;
  readonly #tag: number;
  #current = -1;
  #miss: Response | undefined;
  #stopAlarm: (() => void) | undefined;

  constructor(
    children: readonly Route[],
    options: FailoverOptions,
    alarms: Alarms,
    request: Request,
    sink: ResponseSink,
    tag: number,
  ) {
    this.#children = children;
    this.#options = options;
    this.#alarms = alarms;
    this.#request = request;
    this.#sink = sink;
    this.#tag = tag;
  }

  tryNext(now: Instant): void {
    this.#current += 1;
    const { wait } = this.#options;
    if (wait !== undefined) this.#stopAlarm = this.#alarms.set(this, after(now, wait));
    this.#children[this.#current]!.start(this.#request, this, this.#current, now);
  }

  handleAlarm(now: Instant): void {
    this.#stopAlarm = undefined;
    this.#take(undefined, now);
  }

  handleResponse(response: Response | undefined, tag: number, now: Instant): void {
    if (tag !== this.#current) return; // it came after the child's time
    this.#stopAlarm?.();
    this.#stopAlarm = undefined;
    this.#take(response, now);
  }

  #take(response: Response | undefined, now: Instant): void {
    if (this.#current > 0) this.#options.countRetry?.();
    const quality = qualityOf(response);
    if (quality === "ok") this.#miss = response;
    const isFinal = quality === "good" || (quality === "ok" && !this.#options.miss);
    if (!isFinal && this.#current + 1 < this.#children.length) {
      this.tryNext(now);
      return;
    }
    this.#current = this.#children.length;
    // A miss of one child is a better answer than another child's error.
    this.#sink.handleResponse(isFinal ? response : (this.#miss ?? response), this.#tag, now);
  }
}

export interface ZoneFailoverOptions {
  readonly miss: boolean;
  readonly countRetry: (() => void) | undefined;
}

export class ZoneFailoverRoute implements Route {
  readonly #near: Route;
  readonly #far: readonly Route[];
  readonly #options: ZoneFailoverOptions;

  constructor(near: Route, far: readonly Route[], options: ZoneFailoverOptions) {
    this.#near = near;
    this.#far = far;
    this.#options = options;
  }

  start(request: Request, sink: ResponseSink, tag: number, now: Instant): void {
    new ZoneFailover(this.#far, this.#options, request, sink, tag).start(this.#near, now);
  }
}

const NEAR = -1;

class ZoneFailover implements ResponseSink {
  readonly #far: readonly Route[];
  readonly #options: ZoneFailoverOptions;
  readonly #request: Request;
  readonly #sink: ResponseSink;
  readonly #tag: number;
  #waiting = 0;
  #isDone = false;
  #miss: Response | undefined;

  constructor(far: readonly Route[], options: ZoneFailoverOptions, request: Request, sink: ResponseSink, tag: number) {
    this.#far = far;
    this.#options = options;
    this.#request = request;
    this.#sink = sink;
    this.#tag = tag;
  }

  start(near: Route, now: Instant): void {
    near.start(this.#request, this, NEAR, now);
  }

  handleResponse(response: Response | undefined, tag: number, now: Instant): void {
    const quality = qualityOf(response);
    if (quality === "ok") this.#miss = response;
    if (tag !== NEAR) {
      this.#waiting -= 1;
      if (quality === "good") this.#finish(response, now);
      else if (this.#waiting === 0) this.#finish(this.#miss, now);
      return;
    }
    if (quality === "good" || (quality === "ok" && !this.#options.miss) || this.#far.length === 0) {
      this.#finish(response, now);
      return;
    }
    this.#options.countRetry?.();
    this.#waiting = this.#far.length;
    for (let i = 0; i < this.#far.length; i += 1) this.#far[i]!.start(this.#request, this, i, now);
  }

  #finish(response: Response | undefined, now: Instant): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.handleResponse(response, this.#tag, now);
  }
}
