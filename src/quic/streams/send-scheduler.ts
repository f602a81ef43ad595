/**
 * Selects the streams, and other senders, that fill a packet. The tree decides whose turn it is; the connection's flow
 * control credit decides whether new stream data may be sent at all. Lost bytes need no credit, and keep their stream's rank.
 */

import { moveMember, type Queue } from "../../base/queue.ts";
import type { Writer } from "../../wire/writer.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import {
  DEFAULT_PRIORITY,
  Demand,
  type Leaf,
  SchedulerTree,
  type Sender,
  type SendPriority,
  type SendSession,
} from "../scheduler/index.ts";
import type { BlockedStreams } from "./blocked-streams.ts";
import { SendCredit } from "./flow-control.ts";
import { SendStream } from "./send-stream.ts";

/** In a packet that already has a STREAM frame, less room than this is not worth another. */
const SMALLEST_SLICE = 32;

type FrameSender = Sender<SentFrame>;

export class SendScheduler {
  /** The peer's limit for all streams together. */
  readonly credit: SendCredit = new SendCredit(0);
  readonly #tree = new SchedulerTree<FrameSender>();
  /** Streams with a pending RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly #control: Queue<SendStream>;

  readonly #blockedStreams: BlockedStreams | undefined;

  constructor(control: Queue<SendStream>, blockedStreams?: BlockedStreams) {
    this.#control = control;
    this.#blockedStreams = blockedStreams;
  }

  /** True if the connection has data but no credit, which its peer is told once for each limit (RFC 9000 §4.1). */
  get isBlocked(): boolean {
    return this.credit.available === 0 && this.#tree.hasFresh;
  }

  get hasData(): boolean {
    return this.#next() !== undefined;
  }

  /** The bytes of what is next, if it is a datagram. */
  get nextDatagram(): number | undefined {
    return this.#next()?.value.indivisible;
  }

  /** Adds a stream, which takes turns with all others until it gets another priority. */
  add(stream: SendStream): void {
    this.setPriority(stream, DEFAULT_PRIORITY);
  }

  setPriority(stream: SendStream, priority: SendPriority): void {
    this.#tree.place(stream.leaf, priority, stream.id);
  }

  /** Places a sender other than a stream. */
  place(sender: FrameSender, priority: SendPriority): void {
    this.#tree.place(sender.leaf, priority, 0);
  }

  /** Updates the place of a sender other than a stream, after anything that may change what it can send. */
  update(sender: FrameSender): void {
    this.#tree.setDemand(sender.leaf, sender.demand);
  }

  openSession(urgency?: number): SendSession {
    return this.#tree.openSession(urgency);
  }

  /** Updates a stream's place after anything that may change what it can send. */
  reschedule(stream: SendStream): void {
    const { demand } = stream;
    const isBlocked = demand === Demand.none && stream.hasUnsentData;
    if (isBlocked) stream.credit.noteBlocked();
    this.#blockedStreams?.update(stream.id, isBlocked);
    this.#tree.setDemand(stream.leaf, demand);
    if (this.isBlocked) this.credit.noteBlocked();
    stream.control = moveMember(stream, stream.control, stream.hasControlFrame ? this.#control : undefined);
  }

  /** Removes a stream that has ended. */
  remove(stream: SendStream): void {
    this.#tree.setDemand(stream.leaf, Demand.none);
    this.#blockedStreams?.update(stream.id, false);
    stream.control?.moveTo(undefined);
  }

  /** Fills the remaining room of a packet. */
  write(writer: Writer, frames: SentFrame[]): void {
    const first = this.#next();
    let leaf = first;
    while (leaf !== undefined) {
      const fresh = leaf.value.writeFrame(writer, frames, this.credit.available);
      if (fresh < 0) break;
      this.credit.use(fresh);
      if (!leaf.hasBegun) this.#tree.begin(leaf);
      if (leaf.value instanceof SendStream) this.reschedule(leaf.value);
      else this.update(leaf.value);
      if (writer.remaining < SMALLEST_SLICE) break;
      leaf = this.#next();
    }
    // The stream that began this packet has had its turn; those that only filled it up keep their place.
    if (first !== undefined) this.#tree.rotate(first);
  }

  #next(): Leaf<FrameSender> | undefined {
    return this.#tree.next(this.credit.available > 0);
  }

  /** A DATA_BLOCKED frame was lost. */
  handleReportLost(limit: number): void {
    this.credit.handleReportLost(limit);
    if (this.isBlocked) this.credit.noteBlocked();
  }
}
