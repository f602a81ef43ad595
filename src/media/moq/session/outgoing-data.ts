/** Streams of objects that we send: their order among others, and what becomes of objects that are late. */

import type { Instant } from "../../../base/time.ts";
import { emitFetchHeader } from "../data/data-reader.ts";
import { type FetchGap, type FetchObject, FetchObjects } from "../data/fetch-objects.ts";
import type { SubgroupHeader } from "../data/subgroup-header.ts";
import { type SubgroupObject, SubgroupWriter } from "../data/subgroup-objects.ts";
import { STREAM_ERRORS } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import type { KeyValue } from "../model.ts";
import type { MoqCarrier, StreamId } from "./carrier.ts";
import { lateAt, type Timeouts } from "./delivery.ts";
import { type Rank, sendOrderOf } from "./send-order.ts";

const NOTHING = new Uint8Array(0);
const NO_TIMEOUTS: Timeouts = { object: 0, subgroup: 0 };

/** What a sender tells its session. */
export interface SenderHooks {
  readonly carrier: MoqCarrier;
  readonly dialect: Dialect;
  /** The time of the session's last event. */
  readonly now: () => Instant;
  /** What is being sent is late from then on; undefined if there is no limit. */
  readonly setDeadline: (sender: Sender, deadline: Instant | undefined) => void;
  /** No more is written. */
  readonly ended: (sender: Sender) => void;
}

/** A stream of objects. */
export abstract class Sender {
  /** For "stopped" and "expired" events. */
  readonly stream: StreamId;
  readonly requestId: number;
  protected readonly hooks: SenderHooks;
  #state: "open" | "ended" | "reset" = "open";

  constructor(hooks: SenderHooks, stream: StreamId, requestId: number) {
    this.hooks = hooks;
    this.stream = stream;
    this.requestId = requestId;
  }

  /** False while what is written would only wait. */
  get hasRoom(): boolean {
    return this.hooks.carrier.hasRoom?.(this.stream) ?? true;
  }

  /** False once the stream ended or was reset. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The subscriber's priority changed. */
  abstract setPriority(subscriber: number): void;

  /** FIN. */
  end(_now?: Instant): void {
    if (this.#state !== "open") return;
    this.hooks.carrier.write(this.stream, NOTHING, true);
    this.#state = "ended";
    this.hooks.ended(this);
  }

  /** Abandons the stream, with one of `STREAM_ERRORS`; after its end, what has not been delivered. */
  reset(code: number): void {
    if (this.#state === "reset") return;
    const wasOpen = this.#state === "open";
    this.#state = "reset";
    this.hooks.carrier.reset(this.stream, code);
    this.hooks.setDeadline(this, undefined);
    if (wasOpen) this.hooks.ended(this);
  }

  protected write(bytes: Uint8Array): void {
    if (this.#state === "open") this.hooks.carrier.write(this.stream, bytes, false);
  }
}

/** Objects of a subgroup, in order. */
export class SubgroupSender extends Sender {
  readonly #writer: SubgroupWriter;
  readonly #timeoutsOf: (first: readonly KeyValue[]) => Timeouts;
  #rank: Rank;
  #timeouts: Timeouts | undefined;
  #lateAt: Instant | undefined;
  #payloadLeft = 0;

  /** `timeoutsOf` takes the properties of the first object. */
  constructor(
    hooks: SenderHooks,
    stream: StreamId,
    requestId: number,
    header: SubgroupHeader,
    rank: Rank,
    timeoutsOf: (first: readonly KeyValue[]) => Timeouts = () => NO_TIMEOUTS,
  ) {
    super(hooks, stream, requestId);
    this.#writer = new SubgroupWriter(header, hooks.dialect);
    this.#timeoutsOf = timeoutsOf;
    this.#rank = rank;
    hooks.carrier.setOrder?.(stream, sendOrderOf(rank));
    this.write(this.#writer.header.slice());
  }

  /** The subscriber's priority changed. */
  setPriority(subscriber: number): void {
    if (subscriber === this.#rank.subscriber || !this.isOpen) return;
    this.#rank = { ...this.#rank, subscriber };
    this.hooks.carrier.setOrder?.(this.stream, sendOrderOf(this.#rank));
  }

  /**
   * What stands before the payload, which follows. An object is late if its timeout has passed since `born`, when its header came or was
   * made: then the stream is reset, and false is returned. No other stream is to be opened for the subgroup.
   */
  object(object: SubgroupObject, born: Instant = this.hooks.now(), now: Instant = born): boolean {
    this.#timeouts ??= this.#timeoutsOf(object.properties);
    this.#lateAt = lateAt(born, this.#timeouts.object);
    if (!this.#isInTime(now)) return false;
    this.write(this.#writer.object(object).slice());
    this.#payloadLeft = object.payloadLength;
    this.hooks.setDeadline(this, this.#payloadLeft > 0 ? this.#lateAt : undefined);
    return true;
  }

  /** A piece of the payload of the last object. Returns false if it is late, and the stream reset. */
  payload(bytes: Uint8Array, now: Instant = this.hooks.now()): boolean {
    if (!this.#isInTime(now)) return false;
    this.write(bytes);
    this.#payloadLeft -= bytes.length;
    if (this.#payloadLeft <= 0) this.hooks.setDeadline(this, undefined);
    return true;
  }

  /** FIN. From now on, the subgroup's timeout runs until everything is delivered. */
  override end(now: Instant = this.hooks.now()): void {
    if (!this.isOpen) return;
    this.hooks.setDeadline(this, lateAt(now, this.#timeouts?.subgroup ?? 0));
    super.end();
  }

  #isInTime(now: Instant): boolean {
    if (this.isOpen && this.#lateAt !== undefined && now >= this.#lateAt)
      this.reset(STREAM_ERRORS.DELIVERY_TIMEOUT.code);
    return this.isOpen;
  }
}

/** Objects of a fetch, in the order that was asked for. */
export class FetchSender extends Sender {
  readonly #objects: FetchObjects;

  constructor(
    hooks: SenderHooks,
    stream: StreamId,
    requestId: number,
    order: "ascending" | "descending",
    subscriber: number,
  ) {
    super(hooks, stream, requestId);
    this.#objects = new FetchObjects(hooks.dialect, order);
    this.setPriority(subscriber);
    this.write(emitFetchHeader(requestId, hooks.dialect).slice());
  }

  /** The subscriber's priority changed. Among objects of the same priorities, those of a fetch are of the first group. */
  setPriority(subscriber: number): void {
    const rank: Rank = { subscriber, publisher: 128, order: "ascending", group: 0, subgroup: 0 };
    this.hooks.carrier.setOrder?.(this.stream, sendOrderOf(rank));
  }

  /** What stands before the payload, which follows. */
  object(object: FetchObject): void {
    this.write(this.#objects.emit(object).slice());
  }

  /** A piece of the payload of the last object. */
  payload(bytes: Uint8Array): void {
    this.write(bytes);
  }

  /** Tells that there are no objects up to a location. */
  gap(gap: FetchGap): void {
    this.write(this.#objects.emitGap(gap).slice());
  }
}
