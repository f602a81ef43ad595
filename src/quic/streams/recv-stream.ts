/**
 * The receiving part of a stream (RFC 9000 §3.2): in-order bytes, the final size and the checks it implies (§4.5), and
 * the credit granted to the peer for this stream.
 */

import type { QueueNode } from "../../base/queue.ts";
import { type ChunkBudget, Reassembler, TOO_MANY_CHUNKS } from "../../base/reassembler.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { transportError } from "../errors.ts";
import { emitMaxStreamData, emitStopSending } from "../frame/emit.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { StreamChunk, StreamId } from "../transport.ts";
import type { ReceiveWindow } from "./flow-control.ts";

/**
 * Recv: the final size is unknown. Size Known: a FIN arrived, but bytes are missing. Data Recvd: everything has
 * arrived. Data Read: the application has read the end. Reset Read: the peer reset the stream; the application is
 * notified immediately, or when it has read everything that was sent reliably (RESET_STREAM_AT), so Reset Recvd
 * never occurs. Stopped is our own state: STOP_SENDING was requested, and only the
 * final size is awaited.
 */
export type ReceiveState = "recv" | "size-known" | "data-recvd" | "data-read" | "reset-read" | "stopped";

export class RecvStream {
  readonly id: StreamId;
  readonly window: ReceiveWindow;
  /** Its place in the queue of streams with a pending STOP_SENDING or MAX_STREAM_DATA frame. */
  control: QueueNode<RecvStream> | undefined = undefined;
  readonly #data: Reassembler;
  #state: ReceiveState = "recv";
  #finalSize: number | undefined = undefined;
  /** True if "stream-readable" was emitted and `read` has not drained the stream since. */
  #announced = false;
  /** The reset that the application has not been notified of yet. */
  #reset: { readonly code: VarInt; readonly reliableSize: number } | undefined;
  /** Bytes that `read` has returned. */
  #delivered = 0;
  /** Called with the bytes that `read` never returns, once they are known. */
  onDropped: ((bytes: number) => void) | undefined;
  #stopCode: VarInt = 0;
  #stopIsDue = false;

  constructor(id: StreamId, window: ReceiveWindow, maxChunks: number, budget: ChunkBudget) {
    this.id = id;
    this.window = window;
    this.#data = new Reassembler(maxChunks, budget);
  }

  get state(): ReceiveState {
    return this.#state;
  }

  get finalSize(): number | undefined {
    return this.#finalSize;
  }

  /** True if neither the peer nor the application can do anything more with this part. */
  get isTerminal(): boolean {
    return this.#state === "data-read" || this.#state === "reset-read";
  }

  /** Bytes that were received in order but not read yet. */
  get unread(): number {
    return this.#data.readable;
  }

  /** Handles the data of a STREAM frame. Returns the number of bytes buffered for the application. */
  handleData(offset: number, data: Uint8Array, fin: boolean, connection: ReceiveWindow, now: Instant): number {
    const end = offset + data.length;
    if (fin) this.#checkFinalSize(end, "STREAM");
    this.#account(end, connection, now, "STREAM");
    if (fin) this.#setFinalSize(end, connection);
    switch (this.#state) {
      case "recv":
      case "size-known": {
        const before = this.#data.readable;
        const fresh = this.#data.insert(offset, data);
        connection.changeUnread(this.#data.readable - before);
        if (fresh === TOO_MANY_CHUNKS) {
          // RFC 9000 §21.6: do not commit memory to a stream that arrives in tiny fragments.
          throw transportError("INTERNAL_ERROR", "STREAM", "stream data has too many gaps");
        }
        const isComplete = this.#data.readOffset + this.#data.readable === this.#finalSize;
        // A reset stream never ends well, even if all of it is reliable.
        if (isComplete && this.#reset === undefined) this.#state = "data-recvd";
        return fresh;
      }
      default:
        return 0;
    }
  }

  /** Handles a RESET_STREAM or RESET_STREAM_AT frame. Call `takeReset` afterwards. */
  handleReset(code: VarInt, finalSize: number, reliableSize: number, connection: ReceiveWindow, now: Instant): void {
    const where = reliableSize === 0 ? "RESET_STREAM" : "RESET_STREAM_AT";
    this.#checkFinalSize(finalSize, where);
    this.#account(finalSize, connection, now, where);
    const isReported = this.#state === "recv" || this.#state === "size-known";
    this.#setFinalSize(finalSize, connection);
    // RFC 9000 §3.2: a stream that was received completely may still be delivered.
    if (!isReported) return;
    // draft-ietf-quic-reliable-stream-reset §5.2
    if (this.#reset !== undefined && code !== this.#reset.code) {
      throw transportError("STREAM_STATE_ERROR", where, "the error code has changed");
    }
    // Frames may be reordered: the smallest reliable size is the latest.
    this.#reset = { code, reliableSize: Math.min(reliableSize, this.#reset?.reliableSize ?? reliableSize) };
  }

  /** Returns the code of a reset if the application must be notified of it now. */
  takeReset(connection: ReceiveWindow): VarInt | undefined {
    if (this.#reset === undefined || this.isTerminal || this.#data.readOffset < this.#reset.reliableSize) {
      return undefined;
    }
    this.#drop(connection);
    this.#state = "reset-read";
    this.#reportDropped();
    return this.#reset.code;
  }

  /** RFC 9000 §4.5: the final size never changes, and no byte lies at or above it. */
  #checkFinalSize(size: number, where: string): void {
    if (this.#finalSize !== undefined && size !== this.#finalSize) {
      throw transportError("FINAL_SIZE_ERROR", where, `final size changed from ${this.#finalSize} to ${size}`);
    }
    if (size < this.window.received) {
      throw transportError(
        "FINAL_SIZE_ERROR",
        where,
        `final size ${size} is below the ${this.window.received} bytes received`,
      );
    }
  }

  /** RFC 9000 §4.1: the highest offset counts, for the stream and for the connection. */
  #account(end: number, connection: ReceiveWindow, now: Instant, where: string): void {
    if (this.#finalSize !== undefined && end > this.#finalSize) {
      throw transportError(
        "FINAL_SIZE_ERROR",
        where,
        `data up to offset ${end} exceeds the final size ${this.#finalSize}`,
      );
    }
    const fresh = end - this.window.received;
    if (fresh <= 0) return;
    if (this.window.exceededBy(fresh)) {
      throw transportError("FLOW_CONTROL_ERROR", where, `offset ${end} exceeds the stream limit ${this.window.limit}`);
    }
    if (connection.exceededBy(fresh)) {
      const total = connection.received + fresh;
      throw transportError(
        "FLOW_CONTROL_ERROR",
        where,
        `${total} bytes exceed the connection limit ${connection.limit}`,
      );
    }
    this.window.receive(fresh, now);
    connection.receive(fresh, now);
  }

  #setFinalSize(size: number, connection: ReceiveWindow): void {
    if (this.#finalSize !== undefined) return;
    this.#finalSize = size;
    // RFC 9000 §4.1: a stream whose final size is known needs no more credit.
    this.window.cancelAnnouncement();
    if (this.#state === "recv") this.#state = "size-known";
    if (this.#state === "stopped") {
      this.#drop(connection);
      this.#stopIsDue = false;
      this.#state = "data-read";
      this.#reportDropped();
    }
  }

  #reportDropped(): void {
    this.onDropped?.(this.#finalSize! - this.#delivered);
  }

  /** Bytes that no one will read count as consumed for the connection's credit (RFC 9000 §4.5). */
  #drop(connection: ReceiveWindow): void {
    const unread = this.window.received - this.window.consumed;
    connection.changeUnread(-this.#data.readable);
    connection.discard(unread);
    this.window.discard(unread);
    this.window.cancelAnnouncement();
    this.#data.clear();
  }

  /** Returns true if "stream-readable" must be emitted now. */
  announceReadable(): boolean {
    if (this.#announced) return false;
    this.#announced = this.#data.readable > 0 || this.#state === "data-recvd";
    return this.#announced;
  }

  read(max: number | undefined, connection: ReceiveWindow, into?: Uint8Array): StreamChunk | undefined {
    if (this.#state === "stopped" || this.isTerminal) return undefined;
    const bytes = this.#data.read(this.#readable(max), into);
    if (bytes !== undefined) {
      this.#delivered += bytes.length;
      this.window.consume(bytes.length);
      if (this.#state !== "recv") this.window.cancelAnnouncement();
      connection.changeUnread(-bytes.length);
      connection.consume(bytes.length);
    }
    if (this.#data.readable === 0) this.#announced = false;
    const fin = this.#state === "data-recvd" && this.#data.readable === 0;
    if (fin) this.#state = "data-read";
    return bytes !== undefined || fin ? { bytes: bytes ?? NO_BYTES, fin } : undefined;
  }

  /** What may be read: after RESET_STREAM_AT only the reliable part. */
  #readable(max: number | undefined): number | undefined {
    if (this.#reset === undefined) return max;
    return Math.min(max ?? Number.POSITIVE_INFINITY, this.#reset.reliableSize - this.#data.readOffset);
  }

  /** Drops received data and all that follows. Returns true if STOP_SENDING is now pending. */
  stop(code: VarInt, connection: ReceiveWindow): boolean {
    if (this.#state === "stopped" || this.isTerminal) return false;
    this.#drop(connection);
    if (this.#finalSize !== undefined) {
      // The peer has sent everything at least once, so stopping it would save almost nothing.
      this.#state = "data-read";
      this.#reportDropped();
      return false;
    }
    this.#state = "stopped";
    this.#stopCode = code;
    this.#stopIsDue = true;
    return true;
  }

  get hasControlFrame(): boolean {
    return this.#stopIsDue || this.window.isDue;
  }

  /** Writes STOP_SENDING and MAX_STREAM_DATA if they are pending; the caller must ensure that they fit. */
  writeControlFrames(writer: Writer, frames: SentFrame[], now: Instant, rtt: Micros): void {
    if (this.#stopIsDue) {
      emitStopSending(writer, this.id, this.#stopCode);
      frames.push({ type: "stop-sending", id: this.id });
      this.#stopIsDue = false;
    }
    if (this.window.isDue) {
      const value = this.window.announce(now, rtt);
      emitMaxStreamData(writer, this.id, value);
      frames.push({ type: "max-stream-data", id: this.id, value });
    }
  }

  /** The peer says that it is blocked (STREAM_DATA_BLOCKED). */
  handleBlocked(): void {
    if (this.#state === "recv") this.window.handleBlocked();
  }

  handleAnnouncementLost(limit: number): void {
    if (this.#state === "recv") this.window.handleAnnouncementLost(limit);
  }

  handleStopLost(): void {
    if (this.#state === "stopped") this.#stopIsDue = true;
  }

  /** Releases everything when the connection ends. */
  release(): void {
    this.#data.clear();
  }
}

const NO_BYTES = new Uint8Array(0);
