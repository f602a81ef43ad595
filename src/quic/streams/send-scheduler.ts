/**
 * Which stream sends next. Streams that can send stand in one of two queues, so that the choice costs the same with ten
 * streams as with ten thousand: those that need no credit of the connection (lost bytes, an end without bytes) go
 * first, then those with new bytes, one packet each in turn.
 */

import { Queue } from "../../base/queue.ts";
import type { Writer } from "../../wire/writer.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { SendCredit } from "./flow-control.ts";
import type { SendStream } from "./send-stream.ts";

/** In a packet that has a STREAM frame already, less room than this is not worth another. */
const SMALLEST_SLICE = 32;

export class SendScheduler {
  /** The peer's limit for all streams together. */
  readonly credit: SendCredit = new SendCredit(0);
  readonly #creditFree = new Queue<SendStream>();
  readonly #fresh = new Queue<SendStream>();
  /** Streams that owe a RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly #control: Queue<SendStream>;

  constructor(control: Queue<SendStream>) {
    this.#control = control;
  }

  get hasData(): boolean {
    return !this.#creditFree.isEmpty || (!this.#fresh.isEmpty && this.credit.available > 0);
  }

  /** Puts a stream where it belongs after anything that may change what it can send. */
  file(stream: SendStream): void {
    if (stream.hasCreditFreeData) {
      stream.sending.moveTo(this.#creditFree);
    } else if (!stream.hasUnsentData) {
      stream.sending.moveTo(undefined);
    } else if (stream.credit.available > 0) {
      stream.sending.moveTo(this.#fresh);
    } else {
      stream.credit.noteBlocked();
      stream.sending.moveTo(undefined);
    }
    this.#noteBlocked();
    stream.control.moveTo(stream.owesControlFrame ? this.#control : undefined);
  }

  /** Forgets a stream that has ended. */
  remove(stream: SendStream): void {
    stream.sending.moveTo(undefined);
    stream.control.moveTo(undefined);
  }

  /** Fills the room that is left in a packet. */
  write(writer: Writer, frames: SentFrame[]): void {
    const first = this.#next();
    let stream = first;
    while (stream !== undefined) {
      const fresh = stream.writeFrame(writer, frames, this.credit.available);
      if (fresh < 0) break;
      this.credit.use(fresh);
      this.file(stream);
      if (writer.remaining < SMALLEST_SLICE) break;
      stream = this.#next();
    }
    // Whoever began this packet has had its turn; who only filled it up keeps its place.
    if (first?.sending.queue !== undefined) first.sending.queue.rotate(first.sending);
  }

  #next(): SendStream | undefined {
    return this.#creditFree.first ?? (this.credit.available > 0 ? this.#fresh.first : undefined);
  }

  /** A DATA_BLOCKED frame was lost. */
  handleReportLost(limit: number): void {
    this.credit.handleReportLost(limit);
    this.#noteBlocked();
  }

  /** Says once for every limit that the connection's credit is used up while there is data (RFC 9000 §4.1). */
  #noteBlocked(): void {
    if (this.credit.available === 0 && !this.#fresh.isEmpty) this.credit.noteBlocked();
  }
}
