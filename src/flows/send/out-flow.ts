/** What the sender knows of one flow: its service, what waits, and who holds it back. */

import { after, type Instant, type Micros, since } from "../../base/time.ts";
import type { ChainTag, FlowKind } from "../packet/types.ts";

/** How a flow is opened. */
export interface FlowOptions {
  readonly kind: FlowKind;
  /** 0, the highest, to 255. */
  readonly priority?: number;
  /** Between two units; 0 if there is no rule. */
  readonly period?: Micros;
  /** Bytes of the largest unit, as the receiver is told. */
  readonly maxUnit?: number;
  /** What a unit costs the receiver's processor. */
  readonly cost?: Micros;
  /** Who sends it, if it may go through relays. */
  readonly chain?: ChainTag | undefined;
}

/** The head of a queue, as the scheduler sees it. */
export interface Head {
  readonly size: number;
  /** The instant after which it is worth nothing; undefined for none. */
  readonly deadline: Instant | undefined;
  readonly isDiscardable: boolean;
}

/** The figures of a flow, for people and programs. */
export interface OutFlowStats {
  /** Messages, or bytes of a stream, that were given to the flow. */
  given: number;
  /** Acknowledged. */
  acknowledged: number;
  /** Sent again. */
  repeated: number;
  /** Given up because their deadline had passed, or would have. */
  expired: number;
}

/** Microseconds of a second, for rates. */
const SECOND = 1_000_000;

export class OutFlow {
  readonly id: number;
  readonly kind: FlowKind;
  readonly priority: number;
  readonly period: Micros;
  readonly maxUnit: number;
  readonly cost: Micros;
  readonly chain: ChainTag | undefined;
  readonly stats: OutFlowStats = { given: 0, acknowledged: 0, repeated: 0, expired: 0 };
  /** The application has ended it. */
  isClosed = false;
  #pausedUntil: Instant | undefined;
  /** Bytes per second; undefined without a limit. */
  #rate: number | undefined;
  #tokens = 0;
  #filledAt = 0 as Instant;
  #grant: { bytes: number; readonly start: Instant; readonly end: Instant } | undefined;

  constructor(id: number, options: FlowOptions) {
    this.id = id;
    this.kind = options.kind;
    this.priority = options.priority ?? 128;
    this.period = options.period ?? (0 as Micros);
    this.maxUnit = options.maxUnit ?? 0;
    this.cost = options.cost ?? (0 as Micros);
    this.chain = options.chain;
  }

  /** Until then nothing leaves, unless there is a grant; Infinity until RESUME. */
  pause(until: Instant): void {
    this.#pausedUntil = until;
    this.#grant = undefined;
  }

  /** `rate` in bytes per second; undefined without a limit. */
  resume(rate: number | undefined, now: Instant): void {
    this.#pausedUntil = undefined;
    this.#grant = undefined;
    this.#rate = rate;
    this.#tokens = rate === undefined ? 0 : rate / 10;
    this.#filledAt = now;
  }

  grant(bytes: number, start: Instant, window: Micros): void {
    this.#grant = { bytes, start, end: after(start, window) };
  }

  isPaused(now: Instant): boolean {
    return this.#pausedUntil !== undefined && now < this.#pausedUntil;
  }

  /** True if `size` bytes may leave now, as far as the receiver is concerned. */
  maySend(size: number, now: Instant): boolean {
    if (this.isPaused(now)) {
      const grant = this.#grant;
      return grant !== undefined && now >= grant.start && now < grant.end && size <= grant.bytes;
    }
    return this.#rate === undefined || this.#fill(now) >= Math.min(size, this.#rate / 10);
  }

  /** `size` bytes have left. */
  onSent(size: number, now: Instant): void {
    if (this.isPaused(now)) {
      if (this.#grant !== undefined) this.#grant.bytes -= size;
    } else if (this.#rate !== undefined) this.#tokens = this.#fill(now) - size;
  }

  /** When to ask again; undefined if only the peer can change the answer. */
  nextChange(size: number, now: Instant): Instant | undefined {
    if (this.isPaused(now)) {
      if (this.#grant !== undefined && now < this.#grant.start) return this.#grant.start;
      return this.#pausedUntil === Number.POSITIVE_INFINITY ? undefined : this.#pausedUntil;
    }
    if (this.#rate === undefined) return undefined;
    const wanted = Math.min(size, this.#rate / 10);
    const lacking = wanted - this.#fill(now);
    return lacking <= 0 ? undefined : (Math.ceil(now + Math.max(1, (lacking / this.#rate) * SECOND)) as Instant);
  }

  /** A tenth of a second of what the rate allows may gather. */
  #fill(now: Instant): number {
    const rate = this.#rate!;
    this.#tokens = Math.min(rate / 10, this.#tokens + (rate * Math.max(0, since(this.#filledAt, now))) / SECOND);
    this.#filledAt = now;
    return this.#tokens;
  }
}
