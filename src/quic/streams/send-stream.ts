/**
 * The sending part of a stream (RFC 9000 §3.1): what was written, what becomes of it, and which bytes go next. It knows
 * nothing of other streams; the scheduler says when it may write.
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
 * Ready: nothing was sent yet. Send: no FIN was sent. Data Sent: all was sent once. Data Recvd: all was acknowledged.
 * Reset Sent and Reset Recvd: RESET_STREAM is owed or under way, and acknowledged.
 */
export type SendState = "ready" | "send" | "data-sent" | "data-recvd" | "reset-sent" | "reset-recvd";

export class SendStream {
  readonly id: StreamId;
  /** The peer's limit for this stream; `used` is the offset of the first byte never sent. */
  readonly credit: SendCredit;
  /** Its place in the scheduler tree. */
  readonly leaf: Leaf<SendStream> = new Leaf<SendStream>(this);
  /** Its place among the streams that owe a RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly control: QueueNode<SendStream> = new QueueNode<SendStream>(this);
  /** Its place among the streams that were refused room in the buffer. */
  readonly waiting: QueueNode<SendStream> = new QueueNode<SendStream>(this);

  #state: SendState = "ready";
  readonly #buffer = new SendBuffer();
  #counted = 0;
  /** The end stands in it as the byte behind the last. */
  readonly #sent = new SentRanges();
  /** The application has written the end: the final size is `#buffer.end`. */
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

  /** Bytes that are kept because they may have to be sent. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** By how much `buffered` has changed since this was asked last, for whoever keeps the sum. */
  countBuffered(): number {
    const change = this.#buffer.length - this.#counted;
    this.#counted = this.#buffer.length;
    return change;
  }

  /** The application has written the end, or given up. */
  get endedByApplication(): boolean {
    return this.#endedByApplication;
  }

  /** No frame of this part is owed or under way any more. */
  get isTerminal(): boolean {
    return this.#state === "data-recvd" || this.#state === "reset-recvd";
  }

  get #isSending(): boolean {
    return this.#state === "ready" || this.#state === "send" || this.#state === "data-sent";
  }

  /** Will bytes that are written now be sent? */
  get acceptsData(): boolean {
    return this.#isSending && !this.#hasEnd;
  }

  // What the application does

  /** Appends all of `data`, or drops it where nothing will be sent any more. */
  write(data: Uint8Array | SendSource, fin: boolean): void {
    if (fin) this.#endedByApplication = true;
    if (!this.acceptsData) return;
    this.#buffer.append(data);
    this.#hasEnd = fin;
  }

  /** Gives up sending. True when RESET_STREAM is now owed. */
  reset(code: VarInt, byApplication: boolean): boolean {
    if (byApplication) this.#endedByApplication = true;
    if (!this.#isSending) return false;
    this.#state = "reset-sent";
    this.#resetCode = code;
    this.#resetIsDue = true;
    this.release();
    return true;
  }

  /** Lets go of all bytes. */
  release(): void {
    this.#sent.clear();
    this.credit.cancelReport();
    this.#buffer.releaseAll();
  }

  // What is to be sent

  get hasUnsentData(): boolean {
    return this.#isSending && this.credit.used < this.#buffer.end;
  }

  /** What can be sent now. Lost bytes, and an end without bytes, need no credit. */
  get demand(): Demand {
    if (!this.#isSending) return Demand.none;
    if (this.#sent.isOwed) return Demand.repair;
    if (this.credit.used < this.#buffer.end) return this.credit.available > 0 ? Demand.fresh : Demand.none;
    return this.#hasEnd && !this.#endIsSent ? Demand.repair : Demand.none;
  }

  get owesControlFrame(): boolean {
    return this.#resetIsDue || this.credit.blockedIsDue;
  }

  /** Writes RESET_STREAM and STREAM_DATA_BLOCKED where they are due; the caller has made sure of the room. */
  writeControlFrames(writer: Writer, frames: SentFrame[]): void {
    if (this.#resetIsDue) {
      // RFC 9000 §4.5: the final size is the credit that was used.
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
   * Writes one STREAM frame, lost bytes first, and its record. Returns how many bytes were sent for the first time, or
   * -1 when there was no room. A frame that reaches the end of the packet has no Length field (RFC 9000 §19.8).
   */
  writeFrame(writer: Writer, frames: SentFrame[], connectionCredit: number): number {
    const isRepeated = this.#sent.isOwed;
    const final = this.#buffer.end;
    const offset = isRepeated ? this.#sent.owedStart : this.credit.used;
    let length = isRepeated
      ? Math.min(this.#sent.owedEnd, final) - offset
      : Math.min(final - offset, this.credit.available, connectionCredit);
    // Without its Length field, which takes one byte when it is zero.
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

  // What became of it

  handleAcked(offset: number, length: number, fin: boolean): void {
    if (!this.#isSending) return;
    const end = offset + length;
    this.#sent.handleAcked(offset, fin ? end + 1 : end);
    const { ackedPrefix } = this.#sent;
    if (ackedPrefix > this.#buffer.end) this.#state = "data-recvd";
    this.#buffer.release(Math.min(ackedPrefix, this.#buffer.end));
  }

  /** RFC 9000 §13.3: data is not sent again after a reset, nor what another packet has delivered or may yet deliver. */
  handleLost(offset: number, length: number, fin: boolean): void {
    if (this.#isSending) this.#sent.handleLost(offset, offset + length + (fin ? 1 : 0));
  }

  /** Sends again what a packet in flight carries. */
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
