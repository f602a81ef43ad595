/** Bytes of a stream flow: again if they are lost, unless their lifetime is over; the stateless service never repeats. */

import { Fifo } from "../../base/fifo.ts";
import { RangeSet } from "../../base/range-set.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import { NO_DEADLINE } from "../packet/types.ts";
import { STATEFUL_STREAM_HEADER, STATELESS_STREAM_HEADER, STREAM_WINDOW } from "../session/limits.ts";
import type { Tracked } from "../session/recovery.ts";
import { ByteBlocks } from "./byte-blocks.ts";
import type { Head, OutFlow } from "./out-flow.ts";
import { type Outlook, type OutQueue, type TakenUnit, wireDeadline } from "./queue.ts";

/** Fewer bytes are not put behind other units of a packet: headers would cost more than they carry. */
const SMALLEST_PIECE = 64;

/** Until when what was written before `end` is worth something. */
interface Lifetime {
  readonly end: number;
  readonly deadline: Instant;
}

class SentRange implements Tracked {
  readonly #queue: StreamQueue;
  readonly #start: number;
  readonly #end: number;
  readonly #isFin: boolean;

  constructor(queue: StreamQueue, start: number, end: number, isFin: boolean) {
    this.#queue = queue;
    this.#start = start;
    this.#end = end;
    this.#isFin = isFin;
  }

  onAcked(): void {
    this.#queue.acknowledge(this.#start, this.#end, this.#isFin);
  }

  onLost(): void {
    this.#queue.lose(this.#start, this.#end, this.#isFin);
  }
}

export class StreamQueue implements OutQueue {
  readonly flow: OutFlow;
  readonly #isStateful: boolean;
  readonly #lifetime: Micros | undefined;
  readonly #blocks = new ByteBlocks();
  readonly #lifetimes = new Fifo<Lifetime>();
  /** To send again. */
  readonly #lost = new RangeSet();
  /** Acknowledged, or given up. */
  readonly #settled = new RangeSet();
  /** Skipped, and not passed yet. */
  readonly #holes = new RangeSet();
  /** The first byte that is not settled. */
  #base = 0;
  /** The first byte that was never sent. */
  #next = 0;
  #isFinished = false;
  #isFinSent = false;
  #isFinSettled = false;

  /** `lifetime`: how long after it was written a byte is worth something; undefined for ever. */
  constructor(flow: OutFlow, lifetime: Micros | undefined) {
    this.flow = flow;
    this.#isStateful = flow.kind === "stateful-stream";
    this.#lifetime = lifetime;
  }

  get buffered(): number {
    return this.#blocks.end - this.#base;
  }

  get isDone(): boolean {
    return this.#isFinSettled && this.#base === this.#blocks.end;
  }

  /** Copies the bytes. `due`: until when they are worth something, instead of the stream's lifetime. */
  push(bytes: Uint8Array, now: Instant, due?: Instant): void {
    this.#blocks.append(bytes);
    this.flow.stats.given += bytes.length;
    const deadline = due ?? (this.#lifetime === undefined ? undefined : after(now, this.#lifetime));
    if (deadline !== undefined) this.#lifetimes.push({ end: this.#blocks.end, deadline });
  }

  /** Bytes that nobody has: the receiver skips them, once it knows that they will not come. */
  skip(count: number): void {
    const start = this.#blocks.end;
    this.#blocks.append(new Uint8Array(count));
    this.#holes.add(start, start + count);
    this.flow.stats.given += count;
    this.flow.stats.expired += this.#settle(start, start + count);
  }

  finish(): void {
    this.#isFinished = true;
  }

  head(outlook: Outlook): Head | undefined {
    const range = this.#upcoming(outlook);
    if (range === undefined) return undefined;
    const deadline = this.#lifetimes.first?.deadline;
    // A stream fills what room there is.
    return { size: this.#header + Math.min(range[1] - range[0], SMALLEST_PIECE), deadline, isDiscardable: false };
  }

  take(room: number, outlook: Outlook): TakenUnit | undefined {
    const range = this.#upcoming(outlook);
    if (range === undefined) return undefined;
    const [start, limit] = range;
    const space = room - this.#header;
    if (space < Math.min(SMALLEST_PIECE, limit - start)) return undefined;
    const wanted = Math.min(limit, start + space);
    const payload = wanted === start ? NOTHING : this.#blocks.view(start, wanted);
    const end = start + payload.length;
    const isFin = this.#isFinished && end === this.#blocks.end;
    this.#lost.remove(start, end);
    if (end > this.#next) this.#next = end;
    if (isFin) this.#isFinSent = true;
    const first = this.#lifetimes.first;
    const unit = {
      type: "stream",
      flow: this.flow.id,
      isStateful: this.#isStateful,
      offset: start,
      deadline: first === undefined ? NO_DEADLINE : wireDeadline(first.deadline, outlook.now),
      priority: this.flow.priority,
      isFin,
      payload,
    } as const;
    if (this.#isStateful) return { unit, part: new SentRange(this, start, end, isFin) };
    // The bytes are copied into the packet before anything else happens to them.
    this.acknowledge(start, end, isFin);
    return { unit, part: undefined };
  }

  /** @internal */
  acknowledge(start: number, end: number, isFin: boolean): void {
    if (isFin) this.#isFinSettled = true;
    this.flow.stats.acknowledged += this.#settle(start, end);
  }

  /** @internal */
  lose(start: number, end: number, isFin: boolean): void {
    if (isFin && !this.#isFinSettled) this.#isFinSent = false;
    const missing = this.#settled.missing(Math.max(start, this.#base), end);
    for (let at = 0; at < missing.length; at += 2) {
      this.#lost.add(missing[at]!, missing[at + 1]!);
      this.flow.stats.repeated += missing[at + 1]! - missing[at]!;
    }
  }

  get #header(): number {
    return this.#isStateful ? STATEFUL_STREAM_HEADER : STATELESS_STREAM_HEADER;
  }

  /** What to send next: an empty range stands for the end alone. */
  #upcoming({ now, oneWay }: Outlook): readonly [start: number, end: number] | undefined {
    this.#expire(now, oneWay);
    if (!this.#lost.isEmpty) return [this.#lost.start(0), this.#lost.end(0)];
    if (this.#holes.has(this.#next)) this.#next = this.#holes.end(0);
    if (!this.#holes.isEmpty) this.#holes.remove(0, this.#next);
    const hole = this.#holes.isEmpty ? this.#blocks.end : this.#holes.start(0);
    const limit = Math.min(hole, this.#base + STREAM_WINDOW);
    if (this.#next < limit) return [this.#next, limit];
    const isEndLeft = this.#isFinished && !this.#isFinSent && this.#next === this.#blocks.end;
    return isEndLeft ? [this.#next, this.#next] : undefined;
  }

  /** Gives up what cannot arrive in time. */
  #expire(now: Instant, oneWay: Micros): void {
    for (let first = this.#lifetimes.first; first !== undefined; first = this.#lifetimes.first) {
      if (first.end > this.#base && after(now, oneWay) < first.deadline) return;
      this.#lifetimes.shift();
      if (first.end <= this.#base) continue;
      this.#lost.remove(this.#base, first.end);
      this.#next = Math.max(this.#next, first.end);
      this.flow.stats.expired += this.#settle(this.#base, first.end);
    }
  }

  /** Returns how many bytes were not settled before. */
  #settle(start: number, end: number): number {
    if (end <= this.#base) return 0;
    const count = this.#settled.add(Math.max(start, this.#base), end);
    this.#lost.remove(start, end);
    if (!this.#settled.isEmpty && this.#settled.start(0) <= this.#base) {
      this.#base = this.#settled.end(0);
      this.#settled.remove(0, this.#base);
      this.#blocks.release(this.#base);
    }
    return count;
  }
}

const NOTHING = new Uint8Array(0);
