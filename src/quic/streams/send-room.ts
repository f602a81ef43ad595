/**
 * How many bytes wait to be sent or acknowledged, per stream and in all, and which streams hear when there is room again.
 * `write` accepts everything; "no room" asks the application to pause. Without a bound a slow peer
 * could make it give us everything it has; with a fixed one, a long fat path would never be filled, so a stream's share
 * follows the congestion window.
 */

import { Queue } from "../../base/queue.ts";
import type { TransportEvent } from "../transport.ts";
import type { SendStream } from "./send-stream.ts";

export class SendRoom {
  readonly #leastPerStream: number;
  #perStream: number;
  readonly #perConnection: number;
  readonly #emit: (event: TransportEvent) => void;
  #used = 0;
  /** Streams whose own buffer was full; looked at one by one as their bytes are acknowledged. */
  readonly #waitingForOwn = new Queue<SendStream>();
  /** Streams that other streams' bytes keep out. */
  readonly #waitingForShared = new Queue<SendStream>();

  constructor(perStream: number, perConnection: number, emit: (event: TransportEvent) => void) {
    this.#leastPerStream = perStream;
    this.#perStream = perStream;
    this.#perConnection = perConnection;
    this.#emit = emit;
  }

  get used(): number {
    return this.#used;
  }

  /** One window in flight and one to follow it, but no more than half of what all streams may keep. */
  setCongestionWindow(bytes: number): void {
    this.#perStream = Math.max(this.#leastPerStream, Math.min(2 * bytes, this.#perConnection / 2));
  }

  available(stream: SendStream): number {
    return Math.max(0, Math.min(this.#perStream - stream.buffered, this.#perConnection - this.#used));
  }

  /** Is there room for more? When not, "stream-writable" will say when there is. */
  has(stream: SendStream): boolean {
    if (!stream.acceptsData || this.available(stream) > 0) return true;
    const isOwn = stream.buffered >= this.#perStream;
    stream.waiting.moveTo(isOwn ? this.#waitingForOwn : this.#waitingForShared);
    return false;
  }

  /** Counts what a stream keeps now, and tells those for whom there is room again. */
  update(stream: SendStream): void {
    const change = stream.countBuffered();
    if (change === 0) return;
    this.#used += change;
    if (change > 0) return;
    if (stream.waiting.queue === this.#waitingForOwn) this.#reconsider(stream);
    while (this.#hasSharedRoom) {
      const next = this.#waitingForShared.first;
      if (next === undefined) break;
      this.#tell(next);
    }
  }

  /** Forgets a stream that has ended; it has let go of its bytes. */
  remove(stream: SendStream): void {
    stream.waiting.moveTo(undefined);
    this.update(stream);
  }

  // Room is announced by the quarter: a write for every acknowledged packet would be a waste.

  get #hasSharedRoom(): boolean {
    return (this.#perConnection - this.#used) * 4 >= this.#perConnection;
  }

  #reconsider(stream: SendStream): void {
    if ((this.#perStream - stream.buffered) * 4 < this.#perStream) return;
    if (this.#hasSharedRoom) this.#tell(stream);
    else stream.waiting.moveTo(this.#waitingForShared);
  }

  #tell(stream: SendStream): void {
    stream.waiting.moveTo(undefined);
    if (stream.acceptsData) this.#emit({ type: "stream-writable", id: stream.id });
  }
}
