/** Messages of a flow that the destination has not confirmed: kept while they can still arrive in time, and counted. */

import { after, type Instant, seconds } from "../../base/time.ts";
import type { ConfirmUnit } from "../packet/types.ts";
import { forEachRun } from "../session/arrivals.ts";
import { MAX_SEND_BUFFER } from "../session/limits.ts";
import type { FlowSession } from "../session/session.ts";

/** A confirmation that comes later than this after the deadline is not waited for. */
const GRACE = seconds(2);
/** Bytes that the session has and has not delivered to the next hop. */
const SESSION_BUFFER = 262_144;
/** Messages in doubt. */
const MAX_MESSAGES = 65_536;
const WRAP = 0x1_0000_0000;

/** How a message goes through a chain. */
export interface ChainMessageOptions {
  /** When it is worth nothing any more. Without one, it is sent again until it was confirmed. */
  readonly deadline?: Instant | undefined;
  /** True to drop it, once it would be late, instead of sending it late. */
  readonly isDiscardable?: boolean | undefined;
}

interface Message extends ChainMessageOptions {
  /** Undefined once it would be too late to send it again. */
  payload: Uint8Array | undefined;
}

/** What became of the messages of a flow: `given` is the sum of `confirmed`, `unconfirmed` and those that are still in doubt. */
export interface MessageCounts {
  given: number;
  /** They have arrived. */
  confirmed: number;
  /** Of those, the ones that came after their deadline by the destination's clock, as far as it can tell. */
  late: number;
  /** Of those, the ones whose confirmation came after the deadline. All others were in time, whatever clocks say. */
  overdue: number;
  /** No confirmation came within two seconds of the deadline: they are lost, or late, or their confirmation is. */
  unconfirmed: number;
  /** Sent again, on another way. */
  resent: number;
}

export class MessagesInDoubt {
  readonly counts: MessageCounts = { given: 0, confirmed: 0, late: 0, overdue: 0, unconfirmed: 0, resent: 0 };
  /** The destination knows that nothing more comes. */
  isDone = false;
  readonly #messages = new Map<number, Message>();
  #next = 0;
  /** The first one that the present way was not given, and the first that no way was given. */
  #sent = 0;
  #highest = 0;
  #bytes = 0;
  #isFinished = false;
  #isFinSent = false;

  /** True if nothing is in doubt. */
  get isEmpty(): boolean {
    return this.#messages.size === 0 && (this.isDone || !this.#isFinished);
  }

  finish(): void {
    this.#isFinished = true;
  }

  /** False if there is no room. */
  add(payload: Uint8Array, options: ChainMessageOptions): boolean {
    const isFull = this.#bytes > 0 && this.#bytes + payload.length > MAX_SEND_BUFFER;
    if (isFull || this.#messages.size >= MAX_MESSAGES) return false;
    this.#messages.set(this.#next, { payload, ...options });
    this.#next += 1;
    this.#bytes += payload.length;
    this.counts.given += 1;
    return true;
  }

  /** Another way begins with the oldest message. */
  restart(): void {
    const [oldest] = this.#messages.keys();
    this.#sent = oldest ?? this.#next;
    this.#isFinSent = false;
  }

  /** Gives the session what is still worth sending, as much as it should hold. */
  pump(session: FlowSession, flow: number, now: Instant): void {
    for (; this.#sent < this.#next; this.#sent += 1) {
      const number = this.#sent;
      const message = this.#messages.get(number);
      if (message?.payload === undefined || (message.deadline !== undefined && message.deadline <= now)) continue;
      if (session.buffered(flow) >= SESSION_BUFFER) return;
      const { payload, deadline, isDiscardable } = message;
      if (!session.send(flow, payload, { number: number % WRAP, deadline, isDiscardable })) return;
      if (number < this.#highest) this.counts.resent += 1;
      else this.#highest = number + 1;
    }
    // What is in doubt may have to come again.
    if (!this.#isFinished || this.#isFinSent || this.#messages.size > 0) return;
    this.#isFinSent = true;
    session.finish(flow);
  }

  /** False if it confirms what was never sent. */
  confirm({ end, late, isFin, runs }: Omit<ConfirmUnit, "type" | "flow">, now: Instant): boolean {
    if (end > this.#next || late > this.#next || (isFin && !this.#isFinished)) return false;
    forEachRun(runs, end, (start, stop) => {
      // Ranges grow with time, the messages in doubt do not.
      if (stop - start > this.#messages.size) {
        for (const number of this.#messages.keys()) if (number >= start && number < stop) this.#settle(number, now);
      } else for (let number = start; number < stop; number += 1) this.#settle(number, now);
    });
    if (late > this.counts.late) this.counts.late = late;
    if (isFin) this.isDone = true;
    return true;
  }

  /** Gives up what is too late. */
  expire(now: Instant): void {
    for (const [number, message] of this.#messages) {
      const { deadline } = message;
      if (deadline === undefined) continue;
      if (deadline <= now) this.#dropPayload(message);
      if (after(deadline, GRACE) > now) continue;
      this.#messages.delete(number);
      this.counts.unconfirmed += 1;
    }
  }

  #settle(number: number, now: Instant): void {
    const message = this.#messages.get(number);
    if (message === undefined) return;
    this.#dropPayload(message);
    this.#messages.delete(number);
    this.counts.confirmed += 1;
    if (message.deadline !== undefined && now > message.deadline) this.counts.overdue += 1;
  }

  #dropPayload(message: Message): void {
    this.#bytes -= message.payload?.length ?? 0;
    message.payload = undefined;
  }
}
