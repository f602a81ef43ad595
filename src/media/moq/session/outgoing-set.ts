/** The streams of objects of a session that are open, or ended and not delivered yet: by their stream, and by their deadlines. */

import { earliest, type Instant } from "../../../base/time.ts";
import { STREAM_ERRORS } from "../errors.ts";
import type { StreamId } from "./carrier.ts";
import type { Sender } from "./outgoing-data.ts";

export class OutgoingSet {
  readonly #senders = new Map<StreamId, Sender>();
  readonly #deadlines = new Map<Sender, Instant>();

  add(sender: Sender): void {
    this.#senders.set(sender.stream, sender);
  }

  has(stream: StreamId): boolean {
    return this.#senders.has(stream);
  }

  of(requestId: number): Sender[] {
    return [...this.#senders.values()].filter((sender) => sender.requestId === requestId);
  }

  setDeadline(sender: Sender, deadline: Instant | undefined): void {
    if (deadline === undefined) this.#deadlines.delete(sender);
    else this.#deadlines.set(sender, deadline);
    if (!sender.isOpen && deadline === undefined) this.#senders.delete(sender.stream);
  }

  /** No more is written; one with a deadline stays until it is delivered. */
  handleEnded(sender: Sender): void {
    if (!this.#deadlines.has(sender)) this.#senders.delete(sender.stream);
  }

  /** The peer has everything. */
  handleDelivered(stream: StreamId): void {
    const sender = this.#senders.get(stream);
    if (sender === undefined || sender.isOpen) return;
    this.#deadlines.delete(sender);
    this.#senders.delete(stream);
  }

  nextTimeout(): Instant | undefined {
    let next: Instant | undefined;
    for (const deadline of this.#deadlines.values()) next = earliest(next, deadline);
    return next;
  }

  /** Resets what is late, and returns it. */
  handleTimeout(now: Instant): Sender[] {
    const late = [...this.#deadlines].flatMap(([sender, deadline]) => (deadline <= now ? [sender] : []));
    for (const sender of late) sender.reset(STREAM_ERRORS.DELIVERY_TIMEOUT.code);
    return late;
  }

  clear(): void {
    this.#senders.clear();
    this.#deadlines.clear();
  }
}
