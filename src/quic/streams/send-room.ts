/**
 * Limits the bytes that wait to be sent or acknowledged, per stream and in total, and notifies streams when there is
 * room again. `write` accepts everything; "no room" asks the application to pause. Without a limit, a slow peer could
 * make us buffer everything the application has. With a fixed limit, a fast path with a long RTT would never be filled,
 * so a stream's share follows the congestion window.
 */

import { Queue } from "../../base/queue.ts";
import type { TransportEvent } from "../transport.ts";
import type { SendStream } from "./send-stream.ts";

export class SendRoom {
  readonly #minPerStream: number;
  #perStream: number;
  readonly #perConnection: number;
  readonly #emit: (event: TransportEvent) => void;
  #used = 0;
  /** Streams whose own share was full; each is checked as its bytes are acknowledged. */
  readonly #waitingForOwn = new Queue<SendStream>();
  /** Streams that wait because of other streams' bytes. */
  readonly #waitingForShared = new Queue<SendStream>();

  constructor(perStream: number, perConnection: number, emit: (event: TransportEvent) => void) {
    this.#minPerStream = perStream;
    this.#perStream = perStream;
    this.#perConnection = perConnection;
    this.#emit = emit;
  }

  get used(): number {
    return this.#used;
  }

  /** Allows one window in flight and one to follow it, but at most half of the total for all streams. */
  setCongestionWindow(bytes: number): void {
    this.#perStream = Math.max(this.#minPerStream, Math.min(2 * bytes, this.#perConnection / 2));
  }

  available(stream: SendStream): number {
    return Math.max(0, Math.min(this.#perStream - stream.buffered, this.#perConnection - this.#used));
  }

  /** True if there is room for more. If not, "stream-writable" is emitted when there is. */
  has(stream: SendStream): boolean {
    if (!stream.acceptsData || this.available(stream) > 0) return true;
    const isOwn = stream.buffered >= this.#perStream;
    stream.waiting.moveTo(isOwn ? this.#waitingForOwn : this.#waitingForShared);
    return false;
  }

  /** Accounts for the bytes that a stream holds now, and notifies the streams that have room again. */
  update(stream: SendStream): void {
    const change = stream.takeBufferedChange();
    if (change === 0) return;
    this.#used += change;
    if (change > 0) return;
    if (stream.waiting.queue === this.#waitingForOwn) this.#notifyIfRoom(stream);
    while (this.#hasSharedRoom) {
      const next = this.#waitingForShared.first;
      if (next === undefined) break;
      this.#notify(next);
    }
  }

  /** Removes a stream that has ended and released its bytes. */
  remove(stream: SendStream): void {
    stream.waiting.moveTo(undefined);
    this.update(stream);
  }

  // Room is announced in quarters: a write for every acknowledged packet would be wasteful.

  get #hasSharedRoom(): boolean {
    return (this.#perConnection - this.#used) * 4 >= this.#perConnection;
  }

  #notifyIfRoom(stream: SendStream): void {
    if ((this.#perStream - stream.buffered) * 4 < this.#perStream) return;
    if (this.#hasSharedRoom) this.#notify(stream);
    else stream.waiting.moveTo(this.#waitingForShared);
  }

  #notify(stream: SendStream): void {
    stream.waiting.moveTo(undefined);
    if (stream.acceptsData) this.#emit({ type: "stream-writable", id: stream.id });
  }
}
