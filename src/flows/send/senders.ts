/** All flows that we send: opens and ends them, and fills packets with what is due. */

import type { Instant, Micros } from "../../base/time.ts";
import { headerLength } from "../packet/emit.ts";
import { CHAIN_TAG, HEADER_LENGTH, unitLength } from "../packet/layout.ts";
import { type OpenUnit, type Unit, UnitType } from "../packet/types.ts";
import { FLOW_CLOSE, FlowError } from "../session/errors.ts";
import type { FlowEvent } from "../session/events.ts";
import { MAX_SEND_BUFFER } from "../session/limits.ts";
import type { Outbox } from "../session/outbox.ts";
import type { Tracked } from "../session/recovery.ts";
import { type MessageOptions, MessageQueue } from "./message-queue.ts";
import { type FlowOptions, OutFlow, type OutFlowStats } from "./out-flow.ts";
import type { Outlook } from "./queue.ts";
import { Scheduler, type Sender } from "./scheduler.ts";
import { StreamQueue } from "./stream-queue.ts";

const OPEN_LENGTH = HEADER_LENGTH[UnitType.open]!;

/** How a stream is opened. */
export interface SendFlowOptions extends FlowOptions {
  /** Of streams: how long a byte is worth something after it was written; for ever by default. */
  readonly lifetime?: Micros;
}

class OwnFlow implements Sender {
  readonly flow: OutFlow;
  readonly queue: MessageQueue | StreamQueue;
  turn = 0;
  /** The peer knows it. */
  isOpen = false;
  /** `write` took less than it was given. */
  wasFull = false;

  constructor(flow: OutFlow, queue: MessageQueue | StreamQueue) {
    this.flow = flow;
    this.queue = queue;
  }

  get open(): OpenUnit {
    const { id: flow, kind, priority, period, maxUnit, cost, chain } = this.flow;
    const milliseconds = Math.min(Math.round(period / 1_000), 0xffff);
    return { type: "open", flow, kind, priority, period: milliseconds, maxUnit, cost, chain };
  }
}

/** What goes into a packet. */
export interface Filling {
  readonly units: Unit[];
  readonly parts: Tracked[];
  room: number;
}

export class Senders {
  readonly scheduler = new Scheduler();
  readonly #flows = new Map<number, OwnFlow>();
  readonly #outbox: Outbox;
  readonly #emit: (event: FlowEvent) => void;
  readonly #largestUnit: number;
  #next: number;
  #isAllPaused = false;

  constructor(isServer: boolean, packetSize: number, outbox: Outbox, emit: (event: FlowEvent) => void) {
    this.#outbox = outbox;
    this.#emit = emit;
    // OPEN travels with the first data.
    this.#largestUnit = packetSize - headerLength(0) - OPEN_LENGTH;
    this.#next = isServer ? 1 : 2;
  }

  /** True for a flow of ours, also if it is over. */
  knows(id: number): boolean {
    return id > 0 && id % 2 === this.#next % 2 && id < this.#next;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Flows that are still open. */
  *all(): Generator<OutFlow> {
    for (const { flow } of this.#flows.values()) yield flow;
  }

  open(options: SendFlowOptions): number {
    const id = this.#next;
    this.#next += 2;
    const flow = new OutFlow(id, options);
    const isDatagram = options.kind.endsWith("datagram");
    const largestUnit = this.#largestUnit - (flow.chain === undefined ? 0 : CHAIN_TAG);
    const queue = isDatagram ? new MessageQueue(flow, largestUnit) : new StreamQueue(flow, options.lifetime);
    const own = new OwnFlow(flow, queue);
    this.#flows.set(id, own);
    if (this.#isAllPaused) flow.pause(Number.POSITIVE_INFINITY as Instant);
    // A receiver learns of a flow even if it has nothing to say yet.
    this.#outbox.push("open", own.open, () => {
      own.isOpen = true;
    });
    return id;
  }

  /** False if the flow holds as much as it may. */
  send(id: number, message: Uint8Array, options: MessageOptions): boolean {
    const own = this.#open(id);
    const { queue } = own;
    if (!(queue instanceof MessageQueue)) throw new FlowError("FLOW_KIND", `flow ${id} is a stream: write to it`);
    if (message.length > queue.maxMessage) {
      throw new FlowError(
        "MESSAGE_TOO_LARGE",
        `${message.length} bytes, more than ${queue.maxMessage} of a message of flow ${id}`,
      );
    }
    if (queue.buffered > 0 && queue.buffered + message.length > MAX_SEND_BUFFER) {
      own.wasFull = true;
      return false;
    }
    queue.push(message, options);
    this.scheduler.add(own);
    return true;
  }

  /** Returns how many of the bytes were taken. */
  write(id: number, bytes: Uint8Array, now: Instant, due?: Instant): number {
    const own = this.#open(id);
    const { queue } = own;
    if (!(queue instanceof StreamQueue)) throw new FlowError("FLOW_KIND", `flow ${id} carries messages: send them`);
    const count = Math.min(bytes.length, MAX_SEND_BUFFER - queue.buffered);
    if (count < bytes.length) own.wasFull = true;
    if (count > 0) queue.push(bytes.subarray(0, count), now, due);
    this.scheduler.add(own);
    return Math.max(0, count);
  }

  /** Leaves bytes of a stream out that nobody has. */
  skip(id: number, count: number): void {
    const own = this.#open(id);
    if (!(own.queue instanceof StreamQueue)) throw new FlowError("FLOW_KIND", `flow ${id} carries messages`);
    own.queue.skip(count);
    this.scheduler.add(own);
  }

  /** Nothing more is given to the flow; it ends when everything has arrived. */
  finish(id: number): void {
    const own = this.#open(id);
    own.flow.isClosed = true;
    if (own.queue instanceof StreamQueue) own.queue.finish();
    this.scheduler.add(own);
    this.#endIfDone(own);
  }

  /** Ends a flow at once; what has not left is dropped. False if there is no such flow. */
  remove(id: number): boolean {
    const own = this.#flows.get(id);
    if (own === undefined) return false;
    this.scheduler.remove(own);
    this.#flows.delete(id);
    return true;
  }

  stats(id: number): OutFlowStats | undefined {
    return this.#flows.get(id)?.flow.stats;
  }

  /** Bytes of a flow that have not arrived. */
  buffered(id: number): number {
    return this.#flows.get(id)?.queue.buffered ?? 0;
  }

  /** The peer holds a flow back, or all of them. False if it names one that is not ours. */
  pause(id: number, until: Instant): boolean {
    if (id === 0) this.#isAllPaused = until === Number.POSITIVE_INFINITY;
    return this.#each(id, ({ flow }) => flow.pause(until));
  }

  resume(id: number, rate: number | undefined, now: Instant): boolean {
    if (id === 0) this.#isAllPaused = false;
    return this.#each(id, (own) => {
      own.flow.resume(rate, now);
      this.scheduler.add(own);
    });
  }

  grant(id: number, bytes: number, start: Instant, window: Micros): boolean {
    return this.#each(id, (own) => {
      own.flow.grant(bytes, start, window);
      this.scheduler.add(own);
    });
  }

  /** True if some flow may send now. */
  isReady(outlook: Outlook): boolean {
    return this.scheduler.next(outlook, NOBODY) !== undefined;
  }

  /** Adds what is due until the packet is full. */
  fill(filling: Filling, outlook: Outlook): void {
    const passed = new Set<Sender>();
    const announced = new Set(filling.units.flatMap((each) => (each.type === "open" ? [each.flow] : [])));
    for (;;) {
      const own = this.scheduler.next(outlook, passed) as OwnFlow | undefined;
      if (own === undefined) return;
      const isAnnounced = own.isOpen || announced.has(own.flow.id);
      const taken = own.queue.take(isAnnounced ? filling.room : filling.room - unitLength(own.open), outlook);
      if (taken === undefined) {
        passed.add(own);
        continue;
      }
      if (!isAnnounced) {
        // A packet that overtakes OPEN would be data of an unknown flow.
        announced.add(own.flow.id);
        filling.units.push(own.open);
        filling.parts.push(new Announced(own));
        filling.room -= unitLength(own.open);
      }
      const { unit, part } = taken;
      const size = unitLength(unit);
      filling.units.push(unit);
      filling.room -= size;
      own.flow.onSent(size, outlook.now);
      this.scheduler.served(own);
      if (part !== undefined) filling.parts.push(new Watched(part, () => this.#changed(own)));
      else this.#changed(own);
    }
  }

  /** Something of it arrived, was lost or was given up. */
  #changed(own: OwnFlow): void {
    if (this.#flows.get(own.flow.id) !== own) return;
    this.scheduler.add(own);
    if (own.wasFull && own.queue.buffered <= MAX_SEND_BUFFER / 2) {
      own.wasFull = false;
      this.#emit({ type: "writable", flow: own.flow.id });
    }
    this.#endIfDone(own);
  }

  /** Looks for flows that ended because what was left of them was given up. */
  settle(): void {
    for (const own of this.#flows.values()) if (own.flow.isClosed) this.#endIfDone(own);
  }

  #endIfDone(own: OwnFlow): void {
    const { flow, queue } = own;
    // CLOSE must not overtake OPEN: a receiver would ignore it.
    if (!flow.isClosed || !own.isOpen || !queue.isDone || !this.#flows.has(flow.id)) return;
    const code = FLOW_CLOSE.DONE.code;
    this.remove(flow.id);
    this.#outbox.push("close", { type: "close", flow: flow.id, code });
    this.#emit({ type: "closed", flow: flow.id, code });
  }

  #open(id: number): OwnFlow {
    const own = this.#flows.get(id);
    if (own === undefined) throw new FlowError("FLOW_UNKNOWN", `flow ${id} is over, or was never opened`);
    if (own.flow.isClosed) throw new FlowError("FLOW_CLOSED", `flow ${id} was finished`);
    return own;
  }

  #each(id: number, act: (own: OwnFlow) => void): boolean {
    if (id === 0) {
      for (const own of this.#flows.values()) act(own);
      return true;
    }
    const own = this.#flows.get(id);
    if (own !== undefined) act(own);
    // A flow of ours that is over: the unit crossed our CLOSE.
    return own !== undefined || this.knows(id);
  }
}

const NOBODY: ReadonlySet<Sender> = new Set();

/** OPEN that went ahead of data. The outbox sees to it that one arrives. */
class Announced implements Tracked {
  readonly #own: OwnFlow;

  constructor(own: OwnFlow) {
    this.#own = own;
  }

  onAcked(): void {
    this.#own.isOpen = true;
  }

  onLost(): void {}
}

/** Tells the flow, and then who keeps it. */
class Watched implements Tracked {
  readonly #part: Tracked;
  readonly #then: () => void;

  constructor(part: Tracked, then: () => void) {
    this.#part = part;
    this.#then = then;
  }

  onAcked(now: Instant): void {
    this.#part.onAcked(now);
    this.#then();
  }

  onLost(now: Instant): void {
    this.#part.onLost(now);
    this.#then();
  }
}
