/**
 * The attempts over one transport: when the next one may start. Each transport keeps its own Connection Attempt Delay, so
 * that where one is blocked, the addresses of the other need not wait for all of its own.
 */

import { after, type Instant, type Micros } from "../../base/time.ts";
import type { RaceEvent } from "./events.ts";
import { type Endpoint, MIN_ATTEMPT_DELAY, type Transport } from "./rules.ts";

export type StartReason = Extract<RaceEvent, { type: "race:attempt_started" }>["why"];

export class Lane {
  readonly transport: Transport;
  readonly #delay: Micros;
  /** Attempts in progress. */
  running = 0;
  /** Endpoints that have not been tried. */
  waiting: readonly Endpoint[] = [];
  firstStart: Instant | undefined;
  /** The time of the last start; undefined before the first. */
  lastStart: Instant | undefined;
  /** The earliest start of the next attempt: before the first, the end of the head start of the transport before. */
  #nextAt: Instant | undefined;
  #reason: StartReason = "first";

  /** `delay` is the time between attempts. */
  constructor(transport: Transport, delay: Micros) {
    this.transport = transport;
    this.#delay = delay;
  }

  /** When the next attempt is due; undefined if there is none, or if its turn is not known. */
  get due(): Instant | undefined {
    return this.waiting.length > 0 && this.#nextAt !== Number.POSITIVE_INFINITY ? this.#nextAt : undefined;
  }

  get reason(): StartReason {
    return this.#reason;
  }

  /** True if nothing runs or waits. */
  get isEmpty(): boolean {
    return this.running === 0 && this.waiting.length === 0;
  }

  /** Lets the first attempt start, at the latest then. */
  open(at: Instant, reason: StartReason): void {
    if (this.lastStart !== undefined || (this.#nextAt !== undefined && this.#nextAt <= at)) return;
    this.#nextAt = at;
    this.#reason = reason;
  }

  /** Takes the endpoints that have not been tried. */
  offer(waiting: readonly Endpoint[], now: Instant): void {
    const isLate = this.waiting.length === 0 && this.lastStart !== undefined && this.#nextAt !== undefined;
    if (isLate && waiting.length > 0 && now >= this.#nextAt!) this.#reason = "new address";
    this.waiting = waiting;
  }

  /** Starts the best endpoint. */
  start(now: Instant): Endpoint {
    const [endpoint, ...rest] = this.waiting;
    this.waiting = rest;
    this.running += 1;
    this.firstStart ??= now;
    this.lastStart = now;
    this.#nextAt = after(now, this.#delay);
    this.#reason = "delay";
    return endpoint!;
  }

  /** An attempt that started then has failed: the next need not wait for it if it was the newest, or the only one. */
  handleFailed(endpoint: Endpoint, started: Instant, now: Instant): void {
    this.running -= 1;
    if (this.lastStart !== started && this.running > 0) return;
    // RFC 8305 §5: at once, but not within 10 ms of the attempt before. Loopback is no network to be spared.
    const floor = isLoopback(endpoint.address) ? now : after(this.lastStart!, MIN_ATTEMPT_DELAY);
    this.#nextAt = Math.max(now, floor) as Instant;
    this.#reason = "failure";
  }

  /** An attempt makes progress: the next waits at least until then. */
  hold(until: Instant): void {
    if (this.#nextAt !== undefined) this.#nextAt = Math.max(this.#nextAt, until) as Instant;
  }

  get nextAt(): Instant | undefined {
    return this.#nextAt;
  }
}

const isLoopback = (address: string): boolean => address === "::1" || address.startsWith("127.");
