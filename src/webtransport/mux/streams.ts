/** The streams of a session, and what both sides may send on them (RFC 9000 §2 to §4). */

import { transportError } from "../../quic/errors.ts";
import { isUnidirectional, type StreamChunk, type StreamDirection, type StreamId } from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";
import { MAX_APPLICATION_CODE } from "../error-codes.ts";
import type { Session, StreamOrder } from "../session.ts";
import type { MuxDialect } from "./dialect.ts";
import type { MuxLimits } from "./limits.ts";
import type { MessageWriter } from "./message-writer.ts";
import { ReceivePart } from "./receive-part.ts";
import { SendPart } from "./send-part.ts";
import { directionOf, type Role, StreamIds } from "./stream-ids.ts";

export class MuxStreams {
  readonly #own: MuxLimits;
  readonly #session: Session;
  readonly #writer: MessageWriter;
  readonly #dialect: MuxDialect;
  readonly #ids: StreamIds;
  readonly #senders = new Map<StreamId, SendPart>();
  readonly #receivers = new Map<StreamId, ReceivePart>();
  #peer: MuxLimits | undefined;
  #maxData: number;
  #received = 0;
  #consumed = 0;

  constructor(role: Role, own: MuxLimits, session: Session, writer: MessageWriter) {
    this.#own = own;
    this.#session = session;
    this.#writer = writer;
    this.#dialect = writer.dialect;
    this.#maxData = own.maxData;
    this.#ids = new StreamIds(role, { bidi: own.maxStreamsBidi, uni: own.maxStreamsUni });
  }

  /** Streams that have not ended in both directions, counted once per direction. */
  get size(): number {
    return this.#senders.size + this.#receivers.size;
  }

  /** Bytes that arrived and were not read. */
  get unread(): number {
    return this.#received - this.#consumed;
  }

  /** The peer's limits are known. */
  begin(peer: MuxLimits): void {
    this.#peer = peer;
    this.#writer.maxData = peer.maxData;
    this.#ids.allow("bidi", peer.maxStreamsBidi);
    this.#ids.allow("uni", peer.maxStreamsUni);
  }

  /** The session has ended. */
  close(): void {
    for (const part of this.#senders.values()) this.#writer.remove(part);
    this.#senders.clear();
    this.#receivers.clear();
  }

  // ── Commands of the session ───────────────────────────────────────────────────────────────────────────────────────

  open(direction: StreamDirection): StreamId | undefined {
    const id = this.#peer && this.#ids.open(direction);
    if (id === undefined) return undefined;
    const { maxStreamDataBidiRemote, maxStreamDataUni } = this.#peer!;
    this.#addSender(id, direction === "bidi" ? maxStreamDataBidiRemote : maxStreamDataUni);
    if (direction === "bidi") this.#receivers.set(id, new ReceivePart(id, this.#own.maxStreamDataBidiLocal));
    const { open } = this.#dialect;
    if (open !== undefined) this.#writer.addControl((writer) => open(writer, id));
    return id;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const part = this.#senders.get(id);
    if (part === undefined) return true;
    part.write(bytes, fin);
    part.isFull = !part.hasRoom;
    this.#writer.update(part);
    return part.hasRoom;
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const part = this.#receivers.get(id);
    const chunk = part?.read(max);
    if (chunk === undefined) return undefined;
    this.#consume(chunk.bytes.length);
    const limit = part!.nextLimit();
    if (limit !== undefined) this.#writer.addControl((writer) => this.#dialect.maxStreamData(writer, id, limit));
    if (chunk.fin) this.#endReceiving(id);
    else this.#reportReset(part!);
    return chunk;
  }

  reset(id: StreamId, code: VarInt): void {
    const part = this.#senders.get(id);
    if (part === undefined) return;
    const { sent } = part;
    this.#writer.remove(part);
    this.#writer.addControl((writer) => this.#dialect.resetStream(writer, id, code, sent));
    this.#endSending(id);
  }

  stopSending(id: StreamId, code: number): void {
    const part = this.#receivers.get(id);
    if (part === undefined || part.isStopped) return;
    this.#consume(part.stop());
    if (part.isDone) this.#endReceiving(id);
    else this.#writer.addControl((writer) => this.#dialect.stopSending(writer, id, code));
  }

  setOrder(id: StreamId, order: StreamOrder): void {
    const part = this.#senders.get(id);
    if (part !== undefined) this.#writer.place(part, order);
  }

  /** A message carries more of a stream. */
  handleSent(part: SendPart, isEnd: boolean): void {
    const { id } = part;
    if (isEnd) {
      this.#endSending(id);
      this.#session.handleFinished(id);
    } else if (part.isFull && part.hasRoom) {
      part.isFull = false;
      this.#session.handleWritable(id);
    }
  }

  // ── Frames of the peer ────────────────────────────────────────────────────────────────────────────────────────────

  handleStream(id: StreamId, offset: number, data: Uint8Array, fin: boolean): void {
    const part = this.#receiver(id);
    // What is sent counts, whether or not the stream is still there (RFC 9000 §4.1).
    this.#receive(data.length);
    if (part === undefined) {
      this.#consume(data.length);
      return;
    }
    part.receive(offset, data, fin);
    if (!part.isStopped) {
      this.#session.handleReadable(id);
      return;
    }
    this.#consume(data.length);
    if (part.isDone) this.#endReceiving(id);
  }

  handleReset(id: StreamId, code: VarInt, finalSize: number): void {
    const part = this.#receiver(id);
    // Everything has arrived already: the reset came too late.
    if (part === undefined || part.hasFin) return;
    const { missing, unread } = part.reset(finalSize);
    this.#receive(missing);
    this.#consume(missing + unread);
    this.#endReceiving(id);
    if (!part.isStopped) this.#session.handleReset(id, applicationCode(code));
  }

  /** A reset that follows everything that was sent, which is read first. `size` is that of what was sent. */
  handleReliableReset(id: StreamId, code: VarInt, size: number): void {
    const part = this.#receiver(id);
    if (part === undefined || part.hasFin || part.resetCode !== undefined) {
      throw transportError("STREAM_STATE_ERROR", "RESET_STREAM", `on stream ${id}, which has ended`);
    }
    if (size !== part.received) {
      throw transportError("STREAM_STATE_ERROR", "RESET_STREAM", `after ${size} bytes, of which ${part.received} came`);
    }
    part.resetCode = code;
    if (part.isStopped) this.#endReceiving(id);
    else this.#reportReset(part);
  }

  /** Bytes that have arrived on a stream that still receives. */
  received(id: StreamId): number | undefined {
    return this.#receiver(id)?.received;
  }

  handleStop(id: StreamId, code: VarInt): void {
    if (this.#sender(id, "STOP_SENDING") === undefined) return;
    this.reset(id, code); // RFC 9000 §3.5.
    this.#session.handleStopped(id, applicationCode(code));
  }

  /** Where limits arrive in order, pass `inOrder`: a lower one is then an error. */
  handleMaxData(maximum: number, inOrder = false): void {
    if (inOrder) checkGrowth("MAX_DATA", this.#writer.maxData, maximum);
    this.#writer.maxData = Math.max(this.#writer.maxData, maximum);
  }

  handleMaxStreamData(id: StreamId, maximum: number, inOrder = false): void {
    const part = this.#sender(id, "MAX_STREAM_DATA");
    if (inOrder && part !== undefined) checkGrowth("MAX_STREAM_DATA", part.maxData, maximum);
    if (part === undefined || maximum <= part.maxData) return;
    part.maxData = maximum;
    this.#writer.update(part);
  }

  handleMaxStreams(direction: StreamDirection, maximum: number, inOrder = false): void {
    if (inOrder) checkGrowth("MAX_STREAMS", this.#ids.allowed(direction), maximum);
    if (this.#ids.allow(direction, maximum)) this.#session.handleStreamsAvailable(direction);
  }

  #reportReset(part: ReceivePart): void {
    if (part.resetCode === undefined || !part.isDone) return;
    this.#endReceiving(part.id);
    this.#session.handleReset(part.id, applicationCode(part.resetCode));
  }

  // ── Parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Undefined if the receiving part has ended. Opens the stream if the peer just did. */
  #receiver(id: StreamId): ReceivePart | undefined {
    if (isUnidirectional(id) && this.#ids.isOurs(id)) {
      throw transportError("STREAM_STATE_ERROR", "STREAM", `on stream ${id}, which we send on`);
    }
    this.#acceptUpTo(id);
    return this.#receivers.get(id);
  }

  /** Undefined if the sending part has ended. */
  #sender(id: StreamId, where: string): SendPart | undefined {
    if (isUnidirectional(id) && !this.#ids.isOurs(id)) {
      throw transportError("STREAM_STATE_ERROR", where, `on stream ${id}, which the peer sends on`);
    }
    this.#acceptUpTo(id);
    return this.#senders.get(id);
  }

  #acceptUpTo(id: StreamId): void {
    const { maxStreamDataBidiRemote, maxStreamDataUni } = this.#own;
    for (const each of this.#ids.opens(id)) {
      const direction = directionOf(each);
      const window = direction === "bidi" ? maxStreamDataBidiRemote : maxStreamDataUni;
      this.#receivers.set(each, new ReceivePart(each, window));
      if (direction === "bidi") this.#addSender(each, this.#peer!.maxStreamDataBidiLocal);
      this.#session.handleStream(each, direction);
    }
  }

  #addSender(id: StreamId, maxData: number): void {
    const part = new SendPart(id, maxData);
    this.#senders.set(id, part);
    this.#writer.place(part, { group: undefined, sendOrder: 0 });
  }

  #endSending(id: StreamId): void {
    this.#senders.delete(id);
    this.#endIfDone(id);
  }

  #endReceiving(id: StreamId): void {
    this.#receivers.delete(id);
    this.#endIfDone(id);
  }

  #endIfDone(id: StreamId): void {
    if (this.#senders.has(id) || this.#receivers.has(id) || this.#ids.isOurs(id) || !this.#ids.end(id)) return;
    const direction = directionOf(id);
    const limit = this.#ids.raise(direction);
    this.#writer.addControl((writer) => this.#dialect.maxStreams(writer, direction, limit));
  }

  // ── Flow control ──────────────────────────────────────────────────────────────────────────────────────────────────

  #receive(bytes: number): void {
    this.#received += bytes;
    if (this.#received > this.#maxData) throw transportError("FLOW_CONTROL_ERROR", "STREAM");
  }

  /** Bytes were read, or dropped. */
  #consume(bytes: number): void {
    this.#consumed += bytes;
    const window = this.#own.maxData;
    if (this.#maxData - this.#consumed > window / 2) return;
    const limit = this.#consumed + window;
    this.#maxData = limit;
    this.#writer.addControl((writer) => this.#dialect.maxData(writer, limit));
  }
}

function checkGrowth(where: string, before: number, now: number): void {
  if (now < before) throw transportError("FLOW_CONTROL_ERROR", where, `lowers a limit from ${before} to ${now}`);
}

/** Undefined if the code is not one that applications have. */
export const applicationCode = (code: VarInt): number | undefined =>
  typeof code === "number" && code <= MAX_APPLICATION_CODE ? code : undefined;
