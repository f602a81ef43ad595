/** Messages of a datagram flow: in fragments if they are large, again if they are lost and there is time, dropped if there is none. */

import { Fifo } from "../../base/fifo.ts";
import { after, type Instant } from "../../base/time.ts";
import { NO_DEADLINE } from "../packet/types.ts";
import { STATEFUL_DATAGRAM_HEADER, STATELESS_DATAGRAM_HEADER } from "../session/limits.ts";
import type { Tracked } from "../session/recovery.ts";
import type { Head, OutFlow } from "./out-flow.ts";
import { type Outlook, type OutQueue, type TakenUnit, wireDeadline } from "./queue.ts";

/** The fragment index has eight bits. */
export const MAX_FRAGMENTS = 256;

const WRAP = 0x1_0000_0000;

/** One message that is not acknowledged. */
class Message {
  readonly number: number;
  readonly payload: Uint8Array;
  readonly deadline: Instant | undefined;
  readonly isDiscardable: boolean;
  readonly fragmentSize: number;
  readonly fragments: number;
  /** The first fragment that was never sent. */
  next = 0;
  /** Fragments to send again. */
  readonly lost: number[] = [];
  /** Fragments that are neither acknowledged nor given up. */
  open: number;
  isInQueue = true;
  isGivenUp = false;

  constructor(
    number: number,
    payload: Uint8Array,
    options: { deadline: Instant | undefined; isDiscardable: boolean },
    fragmentSize: number,
  ) {
    this.number = number;
    this.payload = payload;
    this.deadline = options.deadline;
    this.isDiscardable = options.isDiscardable;
    this.fragmentSize = fragmentSize;
    this.fragments = Math.max(1, Math.ceil(payload.length / fragmentSize));
    this.open = this.fragments;
  }

  get upcoming(): number | undefined {
    return this.lost[0] ?? (this.next < this.fragments ? this.next : undefined);
  }

  fragment(index: number): Uint8Array {
    return this.payload.subarray(index * this.fragmentSize, (index + 1) * this.fragmentSize);
  }
}

class SentFragment implements Tracked {
  readonly #queue: MessageQueue;
  readonly #message: Message;
  readonly #index: number;

  constructor(queue: MessageQueue, message: Message, index: number) {
    this.#queue = queue;
    this.#message = message;
    this.#index = index;
  }

  onAcked(): void {
    this.#queue.acknowledge(this.#message, this.#index);
  }

  onLost(): void {
    this.#queue.lose(this.#message, this.#index);
  }
}

/** How a message is sent. */
export interface MessageOptions {
  /** When it is worth nothing any more. */
  readonly deadline?: Instant | undefined;
  /** True to drop it, once it would be late, instead of sending it late. */
  readonly isDiscardable?: boolean | undefined;
  /** Of a stateful message; they are counted from 0 by default. Each number is used once. */
  readonly number?: number | undefined;
}

export class MessageQueue implements OutQueue {
  readonly flow: OutFlow;
  readonly #isStateful: boolean;
  readonly #fragmentSize: number;
  readonly #waiting = new Fifo<Message>();
  /** Messages of which a fragment was lost: before all others. */
  readonly #again = new Fifo<Message>();
  #number = 0;
  #buffered = 0;
  #open = 0;

  constructor(flow: OutFlow, largestUnit: number) {
    this.flow = flow;
    this.#isStateful = flow.kind === "stateful-datagram";
    this.#fragmentSize = largestUnit - (this.#isStateful ? STATEFUL_DATAGRAM_HEADER : STATELESS_DATAGRAM_HEADER);
  }

  get buffered(): number {
    return this.#buffered;
  }

  get isDone(): boolean {
    return this.#open === 0;
  }

  /** The largest message that fits. */
  get maxMessage(): number {
    return this.#fragmentSize * (this.#isStateful ? MAX_FRAGMENTS : 1);
  }

  /** Keeps the bytes until they are acknowledged. */
  push(payload: Uint8Array, { deadline, isDiscardable = false, number = this.#number }: MessageOptions): void {
    const message = new Message(number % WRAP, payload, { deadline, isDiscardable }, this.#fragmentSize);
    this.#number = (number + 1) % WRAP;
    this.#buffered += payload.length;
    this.#open += 1;
    this.flow.stats.given += 1;
    this.#waiting.push(message);
  }

  head(outlook: Outlook): Head | undefined {
    const message = this.#first(outlook);
    if (message === undefined) return undefined;
    const size = message.fragment(message.upcoming!).length + this.#header;
    return { size, deadline: message.deadline, isDiscardable: message.isDiscardable };
  }

  get #header(): number {
    return this.#isStateful ? STATEFUL_DATAGRAM_HEADER : STATELESS_DATAGRAM_HEADER;
  }

  take(room: number, outlook: Outlook): TakenUnit | undefined {
    const message = this.#first(outlook);
    if (message === undefined) return undefined;
    const index = message.upcoming!;
    const payload = message.fragment(index);
    if (payload.length + this.#header > room) return undefined;
    if (message.lost.length > 0) message.lost.shift();
    else message.next += 1;
    this.#leaveIfTaken(message);
    const { id, priority } = this.flow;
    if (!this.#isStateful) {
      this.#settle(message);
      const { isDiscardable } = message;
      return { unit: { type: "datagram", flow: id, part: undefined, isDiscardable, payload }, part: undefined };
    }
    const part = {
      message: message.number,
      fragment: index,
      isFirst: index === 0,
      isLast: index === message.fragments - 1,
      deadline: message.deadline === undefined ? NO_DEADLINE : wireDeadline(message.deadline, outlook.now),
      priority,
    };
    return {
      unit: { type: "datagram", flow: id, part, isDiscardable: message.isDiscardable, payload },
      part: new SentFragment(this, message, index),
    };
  }

  /** @internal */
  acknowledge(message: Message, _index: number): void {
    if (message.isGivenUp) return;
    message.open -= 1;
    if (message.open > 0) return;
    this.flow.stats.acknowledged += 1;
    this.#settle(message);
  }

  /** @internal Whether there is time is decided when it is its turn. */
  lose(message: Message, index: number): void {
    if (message.isGivenUp) return;
    message.lost.push(index);
    this.flow.stats.repeated += 1;
    if (message.isInQueue) return;
    message.isInQueue = true;
    this.#again.push(message);
  }

  /** The first message that is worth sending. */
  #first(outlook: Outlook): Message | undefined {
    for (const queue of [this.#again, this.#waiting]) {
      for (let first = queue.first; first !== undefined; first = queue.first) {
        if (!first.isGivenUp && !this.#isTooLate(first, outlook)) return first;
        queue.shift();
        if (!first.isGivenUp) this.#giveUp(first);
      }
    }
    return undefined;
  }

  #isTooLate(message: Message, { now, perByte, oneWay }: Outlook): boolean {
    if (message.deadline === undefined) return false;
    // A repetition only while it can still arrive in time.
    if (message.lost.length > 0) return after(now, oneWay) >= message.deadline;
    if (!message.isDiscardable) return false;
    const left = (message.fragments - message.next) * message.fragmentSize;
    return message.deadline - now - Math.min(left, message.payload.length) * perByte - this.flow.cost < 0;
  }

  #giveUp(message: Message): void {
    this.flow.stats.expired += 1;
    this.#settle(message);
  }

  #settle(message: Message): void {
    message.isGivenUp = true;
    this.#buffered -= message.payload.length;
    this.#open -= 1;
  }

  #leaveIfTaken(message: Message): void {
    if (message.upcoming !== undefined) return;
    message.isInQueue = false;
    if (this.#again.first === message) this.#again.shift();
    else this.#waiting.shift();
  }
}
