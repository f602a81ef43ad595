/**
 * One direction of a link: a queue, a transmitter with a rate, and a lossy wire with a delay. A machine without I/O, and
 * generic over what it carries: `Medium` knows the items. Its host offers items, advances it at `next`, and receives
 * what arrives or is dropped.
 */

import { Fifo } from "../fifo.ts";
import type { Rng } from "../rng.ts";
import { earliest, type Instant, instant } from "../time.ts";
import { type Fate, Impairment } from "./impairment.ts";
import type { Change, LineOptions, PathOptions } from "./options.ts";
import { createQueue, type QueueOptions } from "./queue/create.ts";
import type { QueueDiscipline, Waiting } from "./queue/discipline.ts";
import { TraceTransmitter } from "./rate-trace.ts";

export type LineDropReason = "mtu" | "queue" | "capacity" | Exclude<Fate["reason"], undefined>;

/** What a line needs to know about its items. Items are immutable: changed ones are copies. */
export interface Medium<T> {
  /** Bytes on the wire, including all fragments; undefined if the item does not fit. */
  lengthOnWire(item: T, mtu: number): number | undefined;
  /** The item marked CE; undefined if it is not ECN-capable. */
  mark(item: T): T | undefined;
  /** A copy of the item whose bytes `corrupt` has changed. */
  corrupted(item: T, corrupt: (bytes: Uint8Array) => void): T;
}

export interface LineOwner<T> {
  /** The item arrived. */
  onArrival(item: T, at: Instant): void;
  /** The item was lost. */
  onDrop(item: T, reason: LineDropReason, at: Instant): void;
}

interface Flying<T> {
  readonly at: Instant;
  readonly item: T;
  readonly length: number;
}

const DEFAULT_QUEUE = 25;
const DEFAULT_MTU = 1500;
const MICROS_PER_SECOND = 1_000_000;

const arrivesLater = (other: Flying<unknown>, item: Flying<unknown>): boolean => other.at > item.at;

function queueOptions({ queue = DEFAULT_QUEUE, ecnThreshold }: LineOptions): QueueOptions {
  if (typeof queue !== "number") return queue;
  return { type: "drop-tail", packets: queue, ...(ecnThreshold === undefined ? {} : { markFrom: ecnThreshold }) };
}

export class Line<T> {
  readonly #medium: Medium<T>;
  readonly #owner: LineOwner<T>;
  readonly #impairment: Impairment;
  readonly #queue: QueueDiscipline<T>;
  readonly #flying = new Fifo<Flying<T>>();
  readonly #capacity: number;
  readonly #changes: readonly Change[];
  #nextChange = 0;
  #options: PathOptions;
  #trace: TraceTransmitter | undefined;
  /** Bytes that wait or are on the way. */
  #held = 0;
  /** The time at which the transmitter becomes idle; fractional, so that rates are exact. */
  #busyUntil = 0;
  /** The last arrival of an item that may not be overtaken. */
  #lastArrival = 0;

  constructor(options: LineOptions, rng: Rng, medium: Medium<T>, owner: LineOwner<T>) {
    this.#options = options;
    this.#medium = medium;
    this.#owner = owner;
    this.#impairment = new Impairment(options, rng);
    this.#capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.#changes = options.changes ?? [];
    this.#trace = typeof options.rate === "object" ? new TraceTransmitter(options.rate) : undefined;
    const actions = {
      mark: (waiting: Waiting<T>) => this.#mark(waiting),
      drop: ({ item, length }: Waiting<T>, now: Instant) => this.#drop(item, length, "queue", now),
    };
    this.#queue = createQueue(queueOptions(options), actions, rng);
  }

  /** The number of items that wait for the transmitter. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** When to call `advance`: something arrives, or the transmitter becomes idle while items wait. */
  get next(): Instant | undefined {
    const arrival = this.#flying.first?.at;
    return this.#queue.size === 0 ? arrival : earliest(arrival, instant(this.#busyUntil));
  }

  /** Sends an item. It may arrive or be dropped during the call. */
  offer(item: T, now: Instant): void {
    this.#drain(now);
    this.#applyChanges(now);
    const length = this.#medium.lengthOnWire(item, this.#options.mtu ?? DEFAULT_MTU);
    if (length === undefined) {
      this.#owner.onDrop(item, "mtu", now);
      return;
    }
    const fate = this.#impairment.decide(now);
    if (fate.reason === "blackhole") {
      this.#owner.onDrop(item, "blackhole", now);
      return;
    }
    this.#held += length;
    if (this.#held > this.#capacity) {
      this.#drop(item, length, "capacity", now);
      return;
    }
    const waiting = { item, length, since: now, fate };
    if (this.#options.rate === undefined && this.#queue.size === 0)
      this.#launch(waiting, now, Math.max(now, this.#busyUntil));
    else if (this.#busyUntil <= now && this.#queue.size === 0) this.#transmit(waiting, now);
    else this.#queue.push(waiting, now);
  }

  /** Does everything that is due. */
  advance(now: Instant): void {
    this.#drain(now);
    for (let first = this.#flying.first; first !== undefined && first.at <= now; first = this.#flying.first) {
      this.#flying.shift();
      this.#held -= first.length;
      this.#owner.onArrival(first.item, first.at);
    }
  }

  /** Changes options from now on. */
  change(options: Omit<Change, "at">): void {
    const { rate } = this.#options;
    this.#options = { ...this.#options, ...options } as PathOptions;
    if (this.#options.rate !== rate) {
      this.#trace = typeof this.#options.rate === "object" ? new TraceTransmitter(this.#options.rate) : undefined;
    }
    this.#impairment.change(this.#options);
  }

  #applyChanges(now: number): void {
    for (let change = this.#changes[this.#nextChange]; change !== undefined && change.at <= now; ) {
      const { at: _, ...options } = change;
      this.change(options);
      this.#nextChange += 1;
      change = this.#changes[this.#nextChange];
    }
  }

  /** Transmits waiting items while the transmitter is idle. */
  #drain(now: Instant): void {
    while (this.#queue.size > 0 && this.#busyUntil <= now) {
      const start = this.#busyUntil;
      this.#applyChanges(start);
      const waiting = this.#queue.pop(instant(start));
      if (waiting !== undefined) this.#transmit(waiting, start);
    }
  }

  #transmit(waiting: Waiting<T>, start: number): void {
    const { rate } = this.#options;
    if (this.#trace !== undefined) this.#busyUntil = this.#trace.transmit(waiting.length, start);
    else if (rate === undefined) this.#busyUntil = start;
    else this.#busyUntil = start + (waiting.length * 8 * MICROS_PER_SECOND) / (rate as number);
    this.#launch(waiting, start, this.#busyUntil);
  }

  /** The item leaves the transmitter at `departure`. */
  #launch({ item, length, fate }: Waiting<T>, start: number, departure: number): void {
    if (fate.reason !== undefined) {
      this.#drop(item, length, fate.reason, instant(start));
      return;
    }
    const arriving = fate.corrupted ? this.#medium.corrupted(item, this.#impairment.corrupt) : item;
    let at = departure + (this.#options.delay ?? 0) + fate.jitter;
    // Without jitter too: the delay may have become shorter on the way.
    if (at < this.#lastArrival) at = this.#lastArrival;
    this.#lastArrival = at;
    this.#fly({ at: instant(at + fate.delay), item: arriving, length });
    if (fate.copies === 2) {
      this.#held += length;
      this.#fly({ at: instant(at + fate.delay), item: arriving, length });
    }
  }

  #fly(flying: Flying<T>): void {
    this.#flying.insert(flying, arrivesLater);
  }

  #mark(waiting: Waiting<T>): boolean {
    const marked = this.#medium.mark(waiting.item);
    if (marked === undefined) return false;
    waiting.item = marked;
    return true;
  }

  #drop(item: T, length: number, reason: LineDropReason, at: Instant): void {
    this.#held -= length;
    this.#owner.onDrop(item, reason, at);
  }
}
