/**
 * Which streams fill a packet. The tree says whose turn it is; the connection's flow control credit says whether new
 * data may be sent at all. Lost bytes need no credit, and keep their stream's rank.
 */

import type { Queue } from "../../base/queue.ts";
import type { Writer } from "../../wire/writer.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { SendCredit } from "./flow-control.ts";
import {
  DEFAULT_PRIORITY,
  Demand,
  type Leaf,
  SchedulerTree,
  type SendPriority,
  type SendSession,
} from "./scheduler/index.ts";
import type { SendStream } from "./send-stream.ts";

/** In a packet that has a STREAM frame already, less room than this is not worth another. */
const SMALLEST_SLICE = 32;

export class SendScheduler {
  /** The peer's limit for all streams together. */
  readonly credit: SendCredit = new SendCredit(0);
  readonly #tree = new SchedulerTree<SendStream>();
  /** Streams that owe a RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly #control: Queue<SendStream>;

  constructor(control: Queue<SendStream>) {
    this.#control = control;
  }

  get hasData(): boolean {
    return this.#next() !== undefined;
  }

  /** A new stream, which takes turns with all others until it is given another place. */
  add(stream: SendStream): void {
    this.setPriority(stream, DEFAULT_PRIORITY);
  }

  setPriority(stream: SendStream, priority: SendPriority): void {
    this.#tree.place(stream.leaf, priority, stream.id);
  }

  openSession(urgency?: number): SendSession {
    return this.#tree.openSession(urgency);
  }

  /** Puts a stream where it belongs after anything that may change what it can send. */
  file(stream: SendStream): void {
    const { demand } = stream;
    if (demand === Demand.none && stream.hasUnsentData) stream.credit.noteBlocked();
    this.#tree.setDemand(stream.leaf, demand);
    this.#noteBlocked();
    stream.control.moveTo(stream.owesControlFrame ? this.#control : undefined);
  }

  /** Forgets a stream that has ended. */
  remove(stream: SendStream): void {
    this.#tree.setDemand(stream.leaf, Demand.none);
    stream.control.moveTo(undefined);
  }

  /** Fills the room that is left in a packet. */
  write(writer: Writer, frames: SentFrame[]): void {
    const first = this.#next();
    let leaf = first;
    while (leaf !== undefined) {
      const fresh = leaf.value.writeFrame(writer, frames, this.credit.available);
      if (fresh < 0) break;
      this.credit.use(fresh);
      this.file(leaf.value);
      if (writer.remaining < SMALLEST_SLICE) break;
      leaf = this.#next();
    }
    // Who began this packet has had its turn; who only filled it up keeps its place.
    if (first !== undefined) this.#tree.rotate(first);
  }

  #next(): Leaf<SendStream> | undefined {
    return this.#tree.next(this.credit.available > 0);
  }

  /** A DATA_BLOCKED frame was lost. */
  handleReportLost(limit: number): void {
    this.credit.handleReportLost(limit);
    this.#noteBlocked();
  }

  /** Says once for every limit that the connection's credit is used up while there is data (RFC 9000 §4.1). */
  #noteBlocked(): void {
    if (this.credit.available === 0 && this.#tree.hasFresh) this.credit.noteBlocked();
  }
}
