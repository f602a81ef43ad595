/**
 * The sending part of a stream (RFC 9000 §3.1): what was written, what of it was sent, lost and acknowledged, and which
 * bytes go next. It knows nothing of other streams; the scheduler says when it may write.
 */

import { QueueNode } from "../../base/queue.ts";
import { RangeSet } from "../../base/range-set.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitResetStream, emitStream, emitStreamDataBlocked, streamFrameOverhead } from "../frame/emit.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { StreamId } from "../transport.ts";
import { SendCredit } from "./flow-control.ts";
import { SendBuffer } from "./send-buffer.ts";

/**
 * Ready: nothing was sent yet. Send: no FIN was sent. Data Sent: all was sent once. Data Recvd: all was acknowledged.
 * Reset Sent and Reset Recvd: RESET_STREAM is owed or under way, and acknowledged.
 */
export type SendState = "ready" | "send" | "data-sent" | "data-recvd" | "reset-sent" | "reset-recvd";

export class SendStream {
  readonly id: StreamId;
  /** The peer's limit for this stream; `used` is the offset of the first byte never sent. */
  readonly credit: SendCredit;
  /** Its place among the streams that can send. */
  readonly sending: QueueNode<SendStream> = new QueueNode<SendStream>(this);
  /** Its place among the streams that owe a RESET_STREAM or STREAM_DATA_BLOCKED frame. */
  readonly control: QueueNode<SendStream> = new QueueNode<SendStream>(this);
  /** Its place among the streams that were refused room in the buffer. */
  readonly waiting: QueueNode<SendStream> = new QueueNode<SendStream>(this);

  #state: SendState = "ready";
  readonly #buffer = new SendBuffer();
  #counted = 0;
  /** Never-sent data starts at `credit.used`; ranges before that were sent, and these have to be sent again. */
  readonly #lost = new RangeSet();
  /** All before this offset is acknowledged and released. */
  #ackedPrefix = 0;
  /** What is acknowledged beyond the prefix. */
  readonly #ackedRanges = new RangeSet();
  /** The final size is `#buffer.end` from when it is not "none". */
  #fin: "none" | "pending" | "sent" | "acked" = "none";
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
    return this.#isSending && this.#fin === "none";
  }

  // What the application does

  /** Appends all of `bytes`; the caller has seen to the limits. */
  write(bytes: Uint8Array, fin: boolean): void {
    if (fin) this.#endedByApplication = true;
    if (!this.acceptsData) return;
    this.#buffer.append(bytes);
    if (fin) this.#fin = "pending";
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
    this.#buffer.releaseAll();
    this.#lost.clear();
    this.#ackedRanges.clear();
    this.credit.cancelReport();
  }

  // What is to be sent

  /** Is there something to send that needs no credit: lost bytes, or an end without bytes? */
  get hasCreditFreeData(): boolean {
    if (!this.#isSending) return false;
    return !this.#lost.isEmpty || (this.#fin === "pending" && this.credit.used === this.#buffer.end);
  }

  get hasUnsentData(): boolean {
    return this.#isSending && this.credit.used < this.#buffer.end;
  }

  get owesControlFrame(): boolean {
    return this.#resetIsDue || this.credit.blockedIsDue;
  }

  /** Writes RESET_STREAM and STREAM_DATA_BLOCKED where they are due; the caller has made sure of the room. */
  writeControlFrames(writer: Writer, frames: SentFrame[]): void {
    if (this.#resetIsDue) {
      // RFC 9000 §4.5: the final size is the credit that was used.
      emitResetStream(writer, this.id, this.#resetCode, this.credit.used);
      frames.push({ type: "reset-stream", stream: this });
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
    const isRepeated = !this.#lost.isEmpty;
    const offset = isRepeated ? this.#lost.start(0) : this.credit.used;
    let length = isRepeated
      ? this.#lost.end(0) - offset
      : Math.min(this.#buffer.end - offset, this.credit.available, connectionCredit);
    const segment = length > 0 ? this.#buffer.find(offset) : undefined;
    let from = 0;
    if (segment !== undefined) {
      from = segment.start + offset - segment.offset;
      length = Math.min(length, segment.end - from);
    }
    // Without its Length field, which takes one byte when it is zero.
    const room = writer.remaining - (streamFrameOverhead(this.id, offset, 0) - 1);
    const explicitLength = length < room;
    const roomForData = explicitLength ? room - varintLength(length) : room;
    if (roomForData < Math.min(length, 1)) return -1;
    length = Math.min(length, roomForData);

    const end = offset + length;
    const fin = this.#fin !== "none" && end === this.#buffer.end;
    emitStream(writer, this.id, offset, segment?.source.bytes ?? NO_BYTES, from, from + length, fin, explicitLength);
    frames.push({ type: "stream", stream: this, offset, length, fin });

    if (this.#state === "ready") this.#state = "send";
    if (fin) {
      if (this.#fin === "pending") this.#fin = "sent";
      this.#state = "data-sent";
    }
    if (isRepeated) {
      this.#lost.remove(offset, end);
      return 0;
    }
    this.credit.use(length);
    return length;
  }

  // What became of it

  handleAcked(offset: number, length: number, fin: boolean): void {
    if (!this.#isSending) return;
    const end = offset + length;
    if (offset <= this.#ackedPrefix && this.#ackedRanges.isEmpty) {
      this.#ackedPrefix = Math.max(this.#ackedPrefix, end);
    } else if (end > this.#ackedPrefix) {
      this.#ackedRanges.add(Math.max(offset, this.#ackedPrefix), end);
      if (this.#ackedRanges.start(0) <= this.#ackedPrefix) this.#ackedPrefix = this.#ackedRanges.dropFirst()![1];
    }
    // It was declared lost too early.
    if (!this.#lost.isEmpty) this.#lost.remove(offset, end);
    if (fin) this.#fin = "acked";
    this.#buffer.release(this.#ackedPrefix);
    if (this.#fin === "acked" && this.#ackedPrefix === this.#buffer.end) this.#state = "data-recvd";
  }

  handleLost(offset: number, length: number, fin: boolean): void {
    // RFC 9000 §13.3: data is not sent again after a reset, nor what another packet has delivered.
    if (!this.#isSending) return;
    if (fin && this.#fin === "sent") this.#fin = "pending";
    const end = offset + length;
    let at = Math.max(offset, this.#ackedPrefix);
    for (let i = 0; at < end && i < this.#ackedRanges.size && this.#ackedRanges.start(i) < end; i += 1) {
      this.#lost.add(at, Math.min(end, this.#ackedRanges.start(i)));
      at = Math.max(at, this.#ackedRanges.end(i));
    }
    this.#lost.add(at, end);
  }

  handleResetAcked(): void {
    if (this.#state === "reset-sent") this.#state = "reset-recvd";
  }

  handleResetLost(): void {
    if (this.#state === "reset-sent") this.#resetIsDue = true;
  }
}

const NO_BYTES = new Uint8Array(0);
