/**
 * The sending part of a stream (RFC 9000 §3.1): the bytes written, their outcome, and which to send next. It knows
 * nothing of other streams; the scheduler decides when it may write.
 */

import type { QueueNode } from "../../base/queue.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import {
  emitResetStream,
  emitResetStreamAt,
  emitStreamDataBlocked,
  emitStreamHeader,
  streamFrameOverhead,
} from "../frame/emit.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { Demand, Leaf, type Sender } from "../scheduler/index.ts";
import type { StreamId } from "../transport.ts";
import { SendCredit } from "./flow-control.ts";
import { SendBuffer } from "./send-buffer.ts";
import type { SendSource } from "./send-source.ts";
import { SentRanges } from "./sent-ranges.ts";

/**
 * Ready: nothing was sent yet. Send: no FIN was sent. Data Sent: everything was sent once. Data Recvd: everything was
 * acknowledged. Reset Sent: RESET_STREAM is pending or in flight. Reset Recvd: it was acknowledged.
 *
 * With RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset), Reset Sent lasts until the reliable part is
 * acknowledged too.
 */
export type SendState = "ready" | "send" | "data-sent" | "data-recvd" | "reset-sent" | "reset-recvd";

export class SendStream implements Sender<SentFrame> {
  readonly id: StreamId;
  /** The peer's limit for this stream; `used` is the offset of the first byte never sent. */
  readonly credit: SendCredit;
  /** Its place in the scheduler tree. */
  readonly leaf: Leaf<SendStream> = new Leaf<SendStream>(this);
  /** Its place in the queue of streams with a pending RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  control: QueueNode<SendStream> | undefined = undefined;
  /** Its place in a queue of streams waiting for room in the buffer. */
  waiting: QueueNode<SendStream> | undefined = undefined;

  #state: SendState = "ready";
  readonly #buffer = new SendBuffer();
  #reportedBuffered = 0;
  #reportedMemory = 0;
  /** Includes the FIN as the byte after the last one. */
  #sent = new SentRanges();
  /** True if the application has written the end: the final size is `#buffer.end`. */
  #hasEnd = false;
  #endIsSent = false;
  #endedByApplication = false;
  #resetCode: VarInt = 0;
  #resetIsDue = false;
  #resetIsAcked = false;
  /** After a reset, bytes before this offset are delivered nevertheless. */
  #reliableSize = 0;

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

  /** True if there may be bytes to deliver: while sending, and the reliable part of a reset stream. */
  get #isDelivering(): boolean {
    return this.#isSending || (this.#state === "reset-sent" && this.#reliableSize > 0);
  }

  /** True if bytes written now will be sent. */
  get acceptsData(): boolean {
    return this.#isSending && !this.#hasEnd;
  }

  /** Sends everything again, under another limit: the peer has not read anything yet (RFC 9001 §4.6.2). */
  restart(maxStreamData: number): void {
    this.credit.restart(maxStreamData);
    this.#sent = new SentRanges();
    this.#endIsSent = false;
    if (this.#isSending) this.#state = "ready";
    else if (this.#state === "reset-sent") this.#resetIsDue = this.#mayAnnounceReset;
  }

  // Application calls

  /** Appends all of `data`, or drops it if nothing will be sent any more. */
  write(data: Uint8Array | SendSource, fin: boolean): void {
    if (fin) this.#endedByApplication = true;
    if (!this.acceptsData) return;
    this.#buffer.append(data);
    this.#hasEnd = fin;
  }

  /**
   * Abandons sending, except for the first `reliableSize` bytes. Returns true if the stream had not been
   * reset before. A second reset can only give up the reliable part.
   */
  reset(code: VarInt, byApplication: boolean, reliableSize = 0): boolean {
    if (byApplication) this.#endedByApplication = true;
    if (!this.#isDelivering || (this.#state === "reset-sent" && reliableSize >= this.#reliableSize)) return false;
    const isFirst = this.#isSending;
    if (isFirst) this.#resetCode = code;
    this.#state = "reset-sent";
    this.#hasEnd = false;
    this.#resetIsAcked = false;
    // The frame's final size needs credit, so bytes that have none cannot be part of it.
    const isCovered = reliableSize <= this.credit.used + this.credit.available;
    this.#reliableSize = isCovered ? Math.min(reliableSize, this.#buffer.end) : 0;
    if (this.#reliableSize === 0) {
      this.release();
    } else {
      this.#sent.truncate(this.#reliableSize);
      this.#buffer.truncate(this.#reliableSize);
    }
    this.#resetIsDue = this.#mayAnnounceReset;
    return isFirst;
  }

  /** The final size is what was sent, which must include the reliable part. */
  get #mayAnnounceReset(): boolean {
    return this.credit.used >= this.#reliableSize;
  }

  /** Releases all bytes. */
  release(): void {
    this.#sent.clear();
    this.credit.cancelReport();
    this.#buffer.releaseAll();
  }

  // Sending

  get hasUnsentData(): boolean {
    return this.#isDelivering && this.credit.used < this.#buffer.end;
  }

  /** What can be sent now. Lost bytes, and a FIN without data, need no credit. */
  get demand(): Demand {
    if (!this.#isDelivering) return Demand.none;
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
      if (this.#reliableSize === 0) emitResetStream(writer, this.id, this.#resetCode, this.credit.used);
      else emitResetStreamAt(writer, this.id, this.#resetCode, this.credit.used, this.#reliableSize);
      frames.push({ type: "reset-stream", id: this.id, reliableSize: this.#reliableSize });
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
    if (this.#state === "reset-sent") this.#resetIsDue = this.#mayAnnounceReset;
    return length;
  }

  // Outcome of sent frames

  handleAcked(offset: number, length: number, fin: boolean): void {
    if (!this.#isDelivering) return;
    const end = offset + length;
    this.#sent.handleAcked(offset, fin ? end + 1 : end);
    const { ackedPrefix } = this.#sent;
    if (ackedPrefix > this.#buffer.end && this.#isSending) this.#state = "data-recvd";
    this.#buffer.release(Math.min(ackedPrefix, this.#buffer.end));
    this.#finishReset();
  }

  #finishReset(): void {
    const isComplete = this.#reliableSize === 0 || this.#sent.ackedPrefix >= this.#reliableSize;
    if (this.#state === "reset-sent" && this.#resetIsAcked && isComplete) this.#state = "reset-recvd";
  }

  /** RFC 9000 §13.3: data is not sent again after a reset, nor if another packet has delivered it or still may. */
  handleLost(offset: number, length: number, fin: boolean): void {
    if (this.#isDelivering) this.#sent.handleLost(offset, this.#limited(offset + length + (fin ? 1 : 0)));
  }

  /** Sends bytes again that a packet in flight carries. */
  repeat(offset: number, length: number, fin: boolean): void {
    if (this.#isDelivering) this.#sent.repeat(offset, this.#limited(offset + length + (fin ? 1 : 0)));
  }

  /** After a reset, nothing beyond the reliable part is sent again. */
  #limited(end: number): number {
    return this.#isSending ? end : Math.min(end, this.#reliableSize);
  }

  handleResetAcked(reliableSize: number): void {
    if (reliableSize === this.#reliableSize) this.#resetIsAcked = true;
    this.#finishReset();
  }

  handleResetLost(reliableSize: number): void {
    if (this.#state === "reset-sent" && reliableSize === this.#reliableSize) this.#resetIsDue = true;
  }
}
