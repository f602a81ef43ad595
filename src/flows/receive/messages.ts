/** Puts messages of a datagram flow together from fragments; each is delivered once, as soon as it is whole. */

import { RangeSet } from "../../base/range-set.ts";
import { after, type Instant, seconds } from "../../base/time.ts";
import type { DatagramUnit, MessagePart } from "../packet/types.ts";
import { expandSequence } from "../session/arrivals.ts";
import { MAX_FLOW_MEMORY } from "../session/limits.ts";
import { type Arrival, type IncomingFlow, newStats } from "./in-flow.ts";

/** Ranges of delivered numbers; older ones are forgotten, and their messages count as repeated. */
const MAX_RANGES = 256;
/** A message without a deadline is given up after this long without a fragment. */
const PATIENCE = seconds(30);

/** A message that is whole. */
export interface WholeMessage {
  readonly bytes: Uint8Array;
  /** Its number in the flow; undefined for the stateless service. */
  readonly number: number | undefined;
  /** True after its deadline. */
  readonly isLate: boolean;
  /** When it is due by our clock; undefined without a deadline. */
  readonly due: Instant | undefined;
  /** Worth nothing after that. */
  readonly isDiscardable: boolean;
}

interface Partial {
  readonly fragments: Uint8Array[];
  count: number;
  bytes: number;
  /** Undefined until the last fragment is there. */
  total: number | undefined;
  until: Instant;
}

/** What `handle` found. */
export type MessageOutcome = WholeMessage | "incomplete" | "repeated" | "too-much";

export class Messages {
  readonly flow: IncomingFlow;
  readonly stats = newStats();
  readonly #partials = new Map<number, Partial>();
  readonly #done = new RangeSet();
  #forgottenBelow = 0;
  #latest = 0;
  #memory = 0;

  constructor(flow: IncomingFlow) {
    this.flow = flow;
  }

  handle(unit: DatagramUnit, arrival: Arrival): MessageOutcome {
    const { part } = unit;
    if (part === undefined) return this.#deliver(unit, new Uint8Array(unit.payload), undefined, arrival);
    const number = expandSequence(part.message, this.#latest);
    if (number < this.#forgottenBelow || this.#done.has(number)) return this.#repeated();
    if (number > this.#latest) this.#latest = number;
    if (part.isFirst && part.isLast && !this.#partials.has(number)) {
      this.#settle(number);
      return this.#deliver(unit, new Uint8Array(unit.payload), number, arrival);
    }
    return this.#collect(number, part, unit, arrival);
  }

  /** When an incomplete message is to be given up. */
  get nextTimeout(): Instant | undefined {
    let first: Instant | undefined;
    for (const { until } of this.#partials.values()) if (first === undefined || until < first) first = until;
    return first;
  }

  handleTimeout(now: Instant): void {
    for (const [number, partial] of this.#partials) {
      if (partial.until > now) continue;
      this.#drop(number, partial);
      this.#settle(number);
      this.stats.missed += 1;
    }
  }

  #collect(number: number, part: MessagePart, unit: DatagramUnit, arrival: Arrival): MessageOutcome {
    const { payload } = unit;
    const until = arrival.due ?? after(arrival.now, PATIENCE);
    const partial = this.#partials.get(number) ?? { fragments: [], count: 0, bytes: 0, total: undefined, until };
    if (partial.fragments[part.fragment] !== undefined) return this.#repeated();
    // A fragment after the last one: the sender contradicts itself.
    const total = part.isLast ? part.fragment + 1 : partial.total;
    if (total !== undefined && Math.max(part.fragment + 1, partial.fragments.length) > total) return "too-much";
    if (this.#memory + payload.length > MAX_FLOW_MEMORY) return "too-much";
    partial.fragments[part.fragment] = new Uint8Array(payload);
    partial.count += 1;
    partial.bytes += payload.length;
    partial.until = until;
    this.#memory += payload.length;
    partial.total = total;
    if (partial.count !== partial.total) {
      this.#partials.set(number, partial);
      return "incomplete";
    }
    this.#drop(number, partial);
    this.#settle(number);
    const bytes = new Uint8Array(partial.bytes);
    let at = 0;
    for (const fragment of partial.fragments) {
      bytes.set(fragment, at);
      at += fragment.length;
    }
    return this.#deliver(unit, bytes, number, arrival);
  }

  #deliver(
    { isDiscardable }: DatagramUnit,
    bytes: Uint8Array,
    number: number | undefined,
    { due, now }: Arrival,
  ): WholeMessage {
    const isLate = due !== undefined && now > due;
    this.stats.delivered += 1;
    if (isLate) this.stats.late += 1;
    return { bytes, number, isLate, due, isDiscardable };
  }

  #repeated(): "repeated" {
    this.stats.repeated += 1;
    return "repeated";
  }

  #drop(number: number, partial: Partial): void {
    this.#memory -= partial.bytes;
    this.#partials.delete(number);
  }

  #settle(number: number): void {
    this.#done.add(number, number + 1);
    if (this.#done.size > MAX_RANGES) this.#forgottenBelow = this.#done.dropFirst()![1];
  }
}
