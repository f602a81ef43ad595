/**
 * When a load generator starts which request. In a closed loop, each connection always has its number of requests in
 * progress. In an open loop, requests are due at a fixed rate, whether or not the server keeps up; each has an intended start,
 * and waits for a free connection from then on. Latency counts from the intended start, so that what a slow server delays is
 * not omitted ("coordinated omission").
 */

import { after, earliest, type Instant, type Micros, micros } from "../base/time.ts";

export interface LoadPlan {
  readonly connections: number;
  /** Requests at once on each connection. */
  readonly streams: number;
  /** Requests per second on all connections together, for an open loop. */
  readonly rate?: number | undefined;
  /** No request starts at or after the end. At least one of `duration` and `count` must be given. */
  readonly duration?: Micros | undefined;
  readonly count?: number | undefined;
}

export interface PlannedRequest {
  /** The index of the connection. */
  readonly connection: number;
  readonly intended: Instant;
}

/**
 * Call `handleOpen` for each connection that takes requests, then `pollRequest` until it returns undefined; again after
 * each `handleDone`, and at `nextTimeout`.
 */
export class LoadSchedule {
  readonly #plan: LoadPlan;
  readonly #start: Instant;
  readonly #end: Instant | undefined;
  /** Requests in progress, by connection; undefined while it is closed. */
  readonly #active: (number | undefined)[];
  /** Connections that may have room, the one that waits longest first. Each occurs once. */
  readonly #free = new FreeQueue();
  #started = 0;
  #inProgress = 0;
  #isStopped = false;

  constructor(plan: LoadPlan, start: Instant) {
    this.#plan = plan;
    this.#start = start;
    this.#end = plan.duration === undefined ? undefined : after(start, plan.duration);
    this.#active = new Array<number | undefined>(plan.connections).fill(undefined);
  }

  get started(): number {
    return this.#started;
  }

  get inProgress(): number {
    return this.#inProgress;
  }

  /** True once no more requests will start. */
  isOver(now: Instant): boolean {
    return this.#isStopped || this.#started === this.#plan.count || (this.#end !== undefined && now >= this.#end);
  }

  /** Requests that are due, but have not started: in an open loop, the server does not keep up. */
  backlog(now: Instant): number {
    const { rate, count = Number.POSITIVE_INFINITY } = this.#plan;
    if (rate === undefined) return 0;
    const until = this.#end !== undefined && now > this.#end ? this.#end - 1 : now;
    if (until < this.#start) return 0;
    return Math.max(0, Math.min(count, this.#dueBy(until as Instant)) - this.#started);
  }

  /** The intended start of the request with this index, for one of the backlog. */
  intended(index: number): Instant {
    const { rate } = this.#plan;
    return rate === undefined ? this.#start : after(this.#start, micros((index * 1e6) / rate));
  }

  handleOpen(connection: number): void {
    this.#active[connection] = 0;
    this.#free.add(connection);
  }

  /** The connection takes no more requests. Those in progress still end with `handleDone`. */
  handleClosed(connection: number): void {
    this.#active[connection] = undefined;
    this.#free.remove(connection);
  }

  handleDone(connection: number): void {
    this.#inProgress -= 1;
    const active = this.#active[connection];
    if (active === undefined) return;
    // After a connection was replaced, requests of the earlier one may still end.
    this.#active[connection] = Math.max(0, active - 1);
    this.#free.add(connection);
  }

  /** No more requests start. */
  stop(): void {
    this.#isStopped = true;
  }

  pollRequest(now: Instant): PlannedRequest | undefined {
    if (this.isOver(now) || now < this.#start) return undefined;
    const isOpenLoop = this.#plan.rate !== undefined;
    if (isOpenLoop && this.intended(this.#started) > now) return undefined;
    const connection = this.#free.take();
    if (connection === undefined) return undefined;
    const intended = isOpenLoop ? this.intended(this.#started) : now;
    const active = this.#active[connection]! + 1;
    this.#active[connection] = active;
    if (active < this.#plan.streams) this.#free.add(connection);
    this.#started += 1;
    this.#inProgress += 1;
    return { connection, intended };
  }

  /** When a request is due for which a connection is free, or when the end is. */
  nextTimeout(now: Instant): Instant | undefined {
    if (this.isOver(now)) return undefined;
    const due = this.#plan.rate === undefined || this.#free.isEmpty ? undefined : this.intended(this.#started);
    return earliest(due, this.#end);
  }

  /** The number of requests whose intended start is at or before `now`. */
  #dueBy(now: Instant): number {
    let index = Math.floor(((now - this.#start) * this.#plan.rate!) / 1e6) + 1;
    // The division rounds; the intended start decides.
    while (this.intended(index) <= now) index += 1;
    while (index > 0 && this.intended(index - 1) > now) index -= 1;
    return index;
  }
}

/** First in, first out, each number once; all operations in constant time on average. */
class FreeQueue {
  readonly #waiting = new Set<number>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  add(connection: number): void {
    this.#waiting.add(connection);
  }

  remove(connection: number): void {
    this.#waiting.delete(connection);
  }

  take(): number | undefined {
    const { value } = this.#waiting.values().next();
    if (value !== undefined) this.#waiting.delete(value);
    return value;
  }
}
