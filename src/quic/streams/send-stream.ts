/**
 * The sending part of a stream (RFC 9000 §3.1): the bytes written, their outcome, and which to send next. It knows
 * nothing of other streams; the scheduler decides when it may write.
 */

import { QueueNode } from "../../base/queue.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitResetStream, emitStreamDataBlocked, emitStreamHeader, streamFrameOverhead } from "../frame/emit.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { StreamId } from "../transport.ts";
import { SendCredit } from "./flow-control.ts";
import { Demand, Leaf } from "./scheduler/index.ts";
import { SendBuffer } from "./send-buffer.ts";
import type { SendSource } from "./send-source.ts";
import { SentRanges } from "./sent-ranges.ts";

/**
 * Ready: nothing was sent yet. Send: no FIN was sent. Data Sent: everything was sent once. Data Recvd: everything was
 * acknowledged. Reset Sent: RESET_STREAM is pending or in flight. Reset Recvd: it was acknowledged.
 */
export type SendState = "ready" | "send" | "data-sent" | "data-recvd" | "reset-sent" | "reset-recvd";

export class SendStream {
  readonly id: StreamId;
  /** The peer's limit for this stream; `used` is the offset of the first byte never sent. */
  readonly credit: SendCredit;
  /** Its place in the scheduler tree. */
  readonly leaf: Leaf<SendStream> = new Leaf<SendStream>(this);
  /** Its place in the queue of streams with a pending RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly control: QueueNode<SendStream> = new QueueNode<SendStream>(this);
  /** Its place in a queue of streams waiting for room in the buffer. */
  readonly waiting: QueueNode<SendStream> = new QueueNode<SendStream>(this);

  #state: SendState = "ready";
  readonly #buffer = new SendBuffer();
  #reportedBuffered = 0;
  #reportedMemory = 0;
  /** Includes the FIN as the byte after the last one. */
  readonly #sent = new SentRanges();
  /** True if the application has written the end: the final size is `#buffer.end`. */
  #hasEnd = false;
  #endIsSent = false;
  #endedByApplication = false;
  #resetCode: VarInt = 0;
  #resetIsDue = false;

  constructor(id: StreamId, maxStreamData: number) {
    this.id = id;
    this.credit = new SendCredit(maxStreamData);
  }

  get state(): SendState {
    return this.#state;
  }

  /** Bytes that are held because they may have to be sent. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** The number of buffered bytes that were never sent. */
  get unsent(): number {
    return this.#buffer.end - this.credit.used;
  }

  /** Returns the change of the buffer's memory since the last call, for the total over all streams. */
  takeMemoryChange(): number {
    const change = this.#buffer.memory - this.#reportedMemory;
    this.#reportedMemory = this.#buffer.memory;
    return change;
  }

  /** Returns the change of `buffered` since the last call, for the total over all streams. */
  takeBufferedChange(): number {
    const change = this.#buffer.length - this.#reportedBuffered;
    this.#reportedBuffered = this.#buffer.length;
    return change;
  }

  /** True if the application has written the end, or reset the stream. */
  get endedByApplication(): boolean {
    return this.#endedByApplication;
  }

  /** True if no frame of this part is pending or in flight any more. */
  get isTerminal(): boolean {
    return this.#state === "data-recvd" || this.#state === "reset-recvd";
  }

  get #isSending(): boolean {
    return this.#state === "ready" || this.#state === "send" || this.#state === "data-sent";
  }

  /** True if bytes written now will be sent. */
  get acceptsData(): boolean {
    return this.#isSending && !this.#hasEnd;
  }

  // Application calls

  /** Appends all of `data`, or drops it if nothing will be sent any more. */
  write(data: Uint8Array | SendSource, fin: boolean): void {
    if (fin) this.#endedByApplication = true;
    if (!this.acceptsData) return;
    this.#buffer.append(data);
    this.#hasEnd = fin;
  }

  /** Abandons sending. Returns true if RESET_STREAM is now pending. */
  reset(code: VarInt, byApplication: boolean): boolean {
    if (byApplication) this.#endedByApplication = true;
    if (!this.#isSending) return false;
    this.#state = "reset-sent";
    this.#resetCode = code;
    this.#resetIsDue = true;
    this.release();
    return true;
  }

  /** Releases all bytes. */
  release(): void {
    this.#sent.clear();
    this.credit.cancelReport();
    this.#buffer.releaseAll();
  }

  // Sending

  get hasUnsentData(): boolean {
    return this.#isSending && this.credit.used < this.#buffer.end;
  }

  /** What can be sent now. Lost bytes, and a FIN without data, need no credit. */
  get demand(): Demand {
    if (!this.#isSending) return Demand.none;
    if (this.#sent.needsResend) return Demand.repair;
    if (this.credit.used < this.#buffer.end) return this.credit.available > 0 ? Demand.fresh : Demand.none;
    return this.#hasEnd && !this.#endIsSent ? Demand.repair : Demand.none;
  }

  get hasControlFrame(): boolean {
    return this.#resetIsDue || this.credit.blockedIsDue;
  }

  /** Writes RESET_STREAM and STREAM_DATA_BLOCKED if they are pending; the caller must ensure that they fit. */
  writeControlFrames(writer: Writer, frames: SentFrame[]): void {
    if (this.#resetIsDue) {
      // RFC 9000 §4.5: the final size is the credit used.
      emitResetStream(writer, this.id, this.#resetCode, this.credit.used);
      frames.push({ type: "reset-stream", id: this.id });
      this.#resetIsDue = false;
    }
    if (this.credit.blockedIsDue) {
      const limit = this.credit.reportBlocked();
      emitStreamDataBlocked(writer, this.id, limit);
      frames.push({ type: "stream-data-blocked", id: this.id, limit });
    }
  }

  /**
   * Writes one STREAM frame, lost bytes first, and its record. Returns the number of bytes sent for the first time, or
   * -1 if there was no room. A frame that reaches the end of the packet has no Length field (RFC 9000 §19.8).
   */
  writeFrame(writer: Writer, frames: SentFrame[], connectionCredit: number): number {
    const isRepeated = this.#sent.needsResend;
    const final = this.#buffer.end;
    const offset = isRepeated ? this.#sent.resendStart : this.credit.used;
    let length = isRepeated
      ? Math.min(this.#sent.resendEnd, final) - offset
      : Math.min(final - offset, this.credit.available, connectionCredit);
    // Without the Length field, whose overhead for length zero is one byte.
    const room = writer.remaining - (streamFrameOverhead(this.id, offset, 0) - 1);
    const explicitLength = length < room;
    const roomForData = explicitLength ? room - varintLength(length) : room;
    if (roomForData < Math.min(length, 1)) return -1;
    length = Math.min(length, roomForData);

    const end = offset + length;
    const fin = this.#hasEnd && end === final;
    emitStreamHeader(writer, this.id, offset, length, fin, explicitLength);
    if (length > 0) this.#buffer.copyTo(writer, offset, length);
    frames.push({ type: "stream", id: this.id, offset, length, fin });
    this.#sent.handleSent(offset, fin ? end + 1 : end);

    if (this.#state === "ready") this.#state = "send";
    if (fin) {
      this.#endIsSent = true;
      this.#state = "data-sent";
    }
    if (isRepeated) return 0;
    this.credit.use(length);
    return length;
  }

  // Outcome of sent frames

  handleAcked(offset: number, length: number, fin: boolean): void {
    if (!this.#isSending) return;
    const end = offset + length;
    this.#sent.handleAcked(offset, fin ? end + 1 : end);
    const { ackedPrefix } = this.#sent;
    if (ackedPrefix > this.#buffer.end) this.#state = "data-recvd";
    this.#buffer.release(Math.min(ackedPrefix, this.#buffer.end));
  }

  /** RFC 9000 §13.3: data is not sent again after a reset, nor if another packet has delivered it or still may. */
  handleLost(offset: number, length: number, fin: boolean): void {
    if (this.#isSending) this.#sent.handleLost(offset, offset + length + (fin ? 1 : 0));
  }

  /** Sends bytes again that a packet in flight carries. */
  repeat(offset: number, length: number, fin: boolean): void {
    if (this.#isSending) this.#sent.repeat(offset, offset + length + (fin ? 1 : 0));
  }

  handleResetAcked(): void {
    if (this.#state === "reset-sent") this.#state = "reset-recvd";
  }

  handleResetLost(): void {
    if (this.#state === "reset-sent") this.#resetIsDue = true;
  }
}
