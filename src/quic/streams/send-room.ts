/**
 * Limits the bytes that wait to be sent or acknowledged, per stream and in total, and notifies streams when there is
 * room again. `write` accepts everything; "no room" asks the application to pause. Without a limit, a slow peer could
 * make us buffer everything the application has. With a fixed limit, a fast path with a long RTT would never be filled,
 * so a stream's share follows the congestion window. A stream buffers little more than the peer's flow control credit.
 */

import { moveMember, Queue } from "../../base/queue.ts";
import type { TransportEvent } from "../transport.ts";
import type { SendCredit } from "./flow-control.ts";
import type { SendStream } from "./send-stream.ts";

/** Unsent bytes that a stream may hold without credit, so that data is ready when credit arrives. */
const BEYOND_CREDIT = 64 * 1024;

export interface EventSink {
  emit(event: TransportEvent): void;
}

export class SendRoom {
  readonly #minPerStream: number;
  #perStream: number;
  readonly #perConnection: number;
  readonly #connectionCredit: SendCredit;
  readonly #events: EventSink;
  #used = 0;
  #memory = 0;
  /** Streams whose own share was full. Each is checked again as its bytes are acknowledged. */
  readonly #waitingForOwn = new Queue<SendStream>();
  /** Streams that wait because of other streams' bytes. */
  readonly #waitingForShared = new Queue<SendStream>();

  constructor(perStream: number, perConnection: number, connectionCredit: SendCredit, events: EventSink) {
    this.#minPerStream = perStream;
    this.#perStream = perStream;
    this.#perConnection = perConnection;
    this.#connectionCredit = connectionCredit;
    this.#events = events;
  }

  get used(): number {
    return this.#used;
  }

  /** The memory that the buffered bytes occupy; more than `used`, since runs are released as a whole. */
  get memory(): number {
    return this.#memory;
  }

  /** Allows one window in flight and one to follow it, but at most half of the total for all streams. */
  setCongestionWindow(bytes: number): void {
    this.#perStream = Math.max(this.#minPerStream, Math.min(2 * bytes, this.#perConnection / 2));
  }

  available(stream: SendStream): number {
    return Math.max(0, Math.min(this.#shareOf(stream) - stream.buffered, this.#perConnection - this.#used));
  }

  /** True if there is room for more. If not, "stream-writable" is emitted when there is. */
  has(stream: SendStream): boolean {
    if (!stream.acceptsData || this.available(stream) > 0) return true;
    const isOwn = stream.buffered >= this.#shareOf(stream);
    stream.waiting = moveMember(stream, stream.waiting, isOwn ? this.#waitingForOwn : this.#waitingForShared);
    return false;
  }

  /** The number of bytes that a stream may hold: those in flight, and those that the peer's credit allows next. */
  #shareOf(stream: SendStream): number {
    const credit = Math.min(stream.credit.available, this.#connectionCredit.available);
    const inFlight = stream.buffered - stream.unsent;
    return Math.min(this.#perStream, inFlight + Math.max(BEYOND_CREDIT, credit));
  }

  /** Call when the peer has raised the stream's limit. */
  handleCredit(stream: SendStream): void {
    if (stream.waiting?.queue === this.#waitingForOwn) this.#notifyIfRoom(stream);
  }

  /** Call when the peer has raised the connection's limit; `before` is the credit that was left. */
  handleConnectionCredit(before: number): void {
    // Check streams only when credit was short and no longer is, so that many small increases are cheap.
    if (before >= BEYOND_CREDIT || this.#connectionCredit.available < BEYOND_CREDIT) return;
    for (let stream = this.#waitingForOwn.first; stream !== undefined; ) {
      const next = stream.waiting!.next?.value;
      this.#notifyIfRoom(stream);
      stream = next;
    }
  }

  /** Accounts for the bytes that a stream holds now, and notifies the streams that have room again. */
  update(stream: SendStream): void {
    const change = stream.takeBufferedChange();
    if (change === 0) return;
    this.#used += change;
    this.#memory += stream.takeMemoryChange();
    if (change > 0) return;
    if (stream.waiting?.queue === this.#waitingForOwn) this.#notifyIfRoom(stream);
    while (this.#hasSharedRoom) {
      const next = this.#waitingForShared.first;
      if (next === undefined) break;
      this.#notify(next);
    }
  }

  /** Removes a stream that has ended and released its bytes. */
  remove(stream: SendStream): void {
    stream.waiting?.moveTo(undefined);
    this.update(stream);
  }

  // Announces room only once a quarter is free: a write for every acknowledged packet would be wasteful.

  get #hasSharedRoom(): boolean {
    return (this.#perConnection - this.#used) * 4 >= this.#perConnection;
  }

  #notifyIfRoom(stream: SendStream): void {
    const share = this.#shareOf(stream);
    if ((share - stream.buffered) * 4 < share) return;
    if (this.#hasSharedRoom) this.#notify(stream);
    else stream.waiting = moveMember(stream, stream.waiting, this.#waitingForShared);
  }

  #notify(stream: SendStream): void {
    stream.waiting?.moveTo(undefined);
    if (stream.acceptsData) this.#events.emit({ type: "stream-writable", id: stream.id });
  }
}
