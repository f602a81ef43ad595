/**
 * All streams of a connection (RFC 9000 §2-4): opens, finds and removes them, applies the limits of both sides, and
 * connects streams with the scheduler, the peer's frames and the application.
 *
 * A finished stream leaves nothing but two counters: an id that was opened and is not in the map is finished, and
 * frames for it are ignored.
 */

import type { ChunkBudget } from "../../base/reassembler.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { transportError } from "../errors.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import {
  isServerInitiated,
  isUnidirectional,
  type StreamChunk,
  type StreamDirection,
  type StreamId,
  type TransportEvent,
} from "../transport.ts";
import { ControlFrames } from "./control-frames.ts";
import { ReceiveWindow } from "./flow-control.ts";
import { DEFAULT_MAX_CHUNKS, initialCredit, NO_LIMITS, type PeerStreamLimits, type StreamSetLimits } from "./limits.ts";
import { RecvStream } from "./recv-stream.ts";
import type { SendPriority, SendSession } from "./scheduler/index.ts";
import { SendRoom } from "./send-room.ts";
import { SendScheduler } from "./send-scheduler.ts";
import type { SendSource } from "./send-source.ts";
import { SendStream } from "./send-stream.ts";
import { Stream, streamId, streamIndex } from "./stream.ts";
import type { StreamFacts } from "./stream-facts.ts";
import { LocalStreams, PeerStreams } from "./stream-limits.ts";

export interface StreamSetOptions {
  readonly role: "client" | "server";
  readonly limits: StreamSetLimits;
  readonly emit: (event: TransportEvent) => void;
  /** The smoothed round-trip time, for window auto-tuning; zero until known. */
  readonly smoothedRtt: () => Micros;
}

export class StreamSet implements StreamFacts {
  readonly #role: "client" | "server";
  readonly #limits: StreamSetLimits;
  readonly #emit: (event: TransportEvent) => void;
  readonly #smoothedRtt: () => Micros;
  readonly #streams = new Map<StreamId, Stream>();
  readonly #local = { bidi: new LocalStreams(), uni: new LocalStreams() };
  readonly #peer: { readonly bidi: PeerStreams; readonly uni: PeerStreams };
  readonly #window: ReceiveWindow;
  readonly #chunks: ChunkBudget;
  readonly #control: ControlFrames;
  readonly #scheduler: SendScheduler;
  readonly #room: SendRoom;
  #peerLimits: PeerStreamLimits = NO_LIMITS;
  #now: Instant = 0 as Instant;
  #activeBidi = 0;
  #isClosed = false;

  constructor({ role, limits, emit, smoothedRtt }: StreamSetOptions) {
    this.#role = role;
    this.#limits = limits;
    this.#emit = emit;
    this.#smoothedRtt = smoothedRtt;
    this.#peer = {
      bidi: new PeerStreams(limits.initialMaxStreamsBidi),
      uni: new PeerStreams(limits.initialMaxStreamsUni),
    };
    const { initialMaxData, maxConnectionWindow, maxUnread = maxConnectionWindow } = limits;
    this.#window = new ReceiveWindow(initialMaxData, maxConnectionWindow, maxUnread);
    this.#chunks = { remaining: limits.maxChunksPerConnection ?? DEFAULT_MAX_CHUNKS };
    this.#control = new ControlFrames(this.#window, this.#local, this.#peer);
    this.#scheduler = new SendScheduler(this.#control.sending);
    const perStream = limits.sendBufferPerStream;
    const perConnection = limits.sendBufferPerConnection ?? perStream * 16;
    this.#room = new SendRoom(perStream, perConnection, this.#scheduler.credit, emit);
  }

  /** The number of streams that are not finished. */
  get activeStreams(): number {
    return this.#streams.size;
  }

  /**
   * The number of bidirectional streams among them: requests in progress, not streams that a protocol keeps open for
   * itself.
   */
  get activeBidiStreams(): number {
    return this.#activeBidi;
  }

  /** Bytes that are held because they may have to be sent. */
  get bytesBuffered(): number {
    return this.#room.used;
  }

  /** The memory that these bytes occupy. */
  get sendMemory(): number {
    return this.#room.memory;
  }

  /** Separate chunks of out-of-order data. */
  get chunksHeld(): number {
    return (this.#limits.maxChunksPerConnection ?? DEFAULT_MAX_CHUNKS) - this.#chunks.remaining;
  }

  /** Bytes sent for the first time, over all streams. */
  get bytesSent(): number {
    return this.#scheduler.credit.used;
  }

  /** Bytes that the peer has used of the connection's window. */
  get bytesReceived(): number {
    return this.#window.received;
  }

  /** Bytes that were read by the application or dropped. */
  get bytesConsumed(): number {
    return this.#window.consumed;
  }

  get receiveCredit(): number {
    return this.#window.limit - this.#window.received;
  }

  setPeerLimits(limits: PeerStreamLimits): void {
    this.#peerLimits = limits;
    this.handleMaxData(limits.initialMaxData);
    for (const stream of this.#streams.values()) {
      if (stream.send?.credit.raise(initialCredit(limits, stream.id, stream.isLocal)))
        this.#scheduler.reschedule(stream.send);
    }
    this.handleMaxStreams("bidi", limits.initialMaxStreamsBidi);
    this.handleMaxStreams("uni", limits.initialMaxStreamsUni);
  }

  // ── Application calls ─────────────────────────────────────────────────────────────────────────────────────────────

  openStream(direction: StreamDirection, wanted?: StreamId): StreamId | undefined {
    if (this.#isClosed) return undefined;
    const local = this.#local[direction];
    const first = local.opened;
    const index = wanted === undefined ? first : streamIndex(wanted);
    const id = streamId(index, direction, this.#role);
    if (wanted !== undefined && wanted !== id)
      throw new RangeError(`stream ${wanted} belongs to the peer or is not ${direction}`);
    if (index < first) throw new RangeError(`stream ${id} was already opened`);
    if (!local.openUpTo(index)) return undefined;
    // RFC 9000 §2.1: this also opens all lower-numbered streams of the type.
    for (let next = first; next <= index; next += 1) this.#add(streamId(next, direction, this.#role), true);
    return id;
  }

  /** Appends all of `data`. Returns false if there is no room for more now. */
  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean {
    if (this.#isClosed) return true;
    const stream = this.#opened(id);
    const send = this.#sendingPart(stream, id);
    if (stream === undefined || send === undefined) return true;
    send.write(data, fin);
    this.#room.update(send);
    this.#scheduler.reschedule(send);
    this.#removeIfFinished(stream);
    return this.#room.has(send);
  }

  /** Sets a stream's place among all streams with something to send. */
  setPriority(id: StreamId, priority: SendPriority): void {
    const send = this.#sendingPart(this.#opened(id), id);
    if (send !== undefined) this.#scheduler.setPriority(send, priority);
  }

  openSession(urgency?: number): SendSession {
    return this.#scheduler.openSession(urgency);
  }

  /** Sets the congestion window, which a stream's buffer limit follows. */
  setCongestionWindow(bytes: number): void {
    this.#room.setCongestionWindow(bytes);
  }

  writableBytes(id: StreamId): number {
    const send = this.#sendingPart(this.#opened(id), id);
    if (!send?.acceptsData) return Number.MAX_SAFE_INTEGER;
    return this.#room.has(send) ? this.#room.available(send) : 0;
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const stream = this.#opened(id);
    const receive = this.#receivingPart(stream, id);
    const chunk = receive?.read(max, this.#window);
    if (chunk !== undefined) {
      this.#rescheduleControl(receive!);
      if (chunk.fin) this.#removeIfFinished(stream!);
    }
    return chunk;
  }

  reset(id: StreamId, code: VarInt): void {
    const stream = this.#opened(id);
    const send = this.#sendingPart(stream, id);
    if (send === undefined) return;
    send.reset(code, true);
    this.#afterSendChange(stream!, send);
  }

  stopSending(id: StreamId, code: VarInt): void {
    const stream = this.#opened(id);
    const receive = this.#receivingPart(stream, id);
    if (receive === undefined) return;
    receive.stop(code, this.#window);
    this.#rescheduleControl(receive);
    this.#removeIfFinished(stream!);
  }

  // ── Frames from the peer ──────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the number of bytes received for the first time. */
  handleStream(id: StreamId, offset: number, data: Uint8Array, fin: boolean, now: Instant): number {
    this.#now = now;
    const stream = this.#find(id, "receive", "STREAM");
    const receive = stream?.receive;
    if (receive === undefined) return 0;
    const before = receive.window.received;
    const kept = receive.handleData(offset, data, fin, this.#window, now);
    if (receive.announceReadable()) this.#emit({ type: "stream-readable", id });
    if (fin) this.#afterReceiveEnd(stream!, receive);
    // Includes data that is dropped because the stream is no longer read.
    return Math.max(kept, receive.window.received - before);
  }

  handleResetStream(id: StreamId, code: VarInt, finalSize: number): void {
    const stream = this.#find(id, "receive", "RESET_STREAM");
    const receive = stream?.receive;
    if (receive === undefined) return;
    if (receive.handleReset(finalSize, this.#window, this.#now)) this.#emit({ type: "stream-reset", id, code });
    this.#afterReceiveEnd(stream!, receive);
  }

  handleStopSending(id: StreamId, code: VarInt): void {
    const stream = this.#find(id, "send", "STOP_SENDING");
    const send = stream?.send;
    // RFC 9000 §3.5: answered with RESET_STREAM and the same code; only once, since a reset part stays reset.
    if (!send?.reset(code, false)) return;
    this.#emit({ type: "stream-stopped", id, code });
    this.#afterSendChange(stream!, send);
  }

  handleMaxData(maximum: number): void {
    const { credit } = this.#scheduler;
    const before = credit.available;
    if (credit.raise(maximum)) this.#room.handleConnectionCredit(before);
  }

  handleMaxStreamData(id: StreamId, maximum: number): void {
    const send = this.#find(id, "send", "MAX_STREAM_DATA")?.send;
    if (!send?.credit.raise(maximum)) return;
    this.#scheduler.reschedule(send);
    this.#room.handleCredit(send);
  }

  handleMaxStreams(direction: StreamDirection, maximum: number): void {
    if (this.#local[direction].raise(maximum)) this.#emit({ type: "streams-available", direction });
  }

  handleDataBlocked(_limit: number): void {
    this.#window.handleBlocked();
  }

  handleStreamDataBlocked(id: StreamId, _limit: number): void {
    const receive = this.#find(id, "receive", "STREAM_DATA_BLOCKED")?.receive;
    if (receive === undefined) return;
    receive.handleBlocked();
    this.#rescheduleControl(receive);
  }

  handleStreamsBlocked(direction: StreamDirection, _limit: number): void {
    this.#peer[direction].handleBlocked();
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  get hasControlFrames(): boolean {
    return !this.#isClosed && this.#control.hasPending(this.#scheduler.credit);
  }

  /** Writes as many control frames as fit. */
  writeControlFrames(writer: Writer, frames: SentFrame[]): void {
    this.#control.write(writer, frames, this.#scheduler.credit, this.#now, this.#smoothedRtt());
  }

  /** True if flow control allows a STREAM frame now. */
  get hasStreamData(): boolean {
    return this.#scheduler.hasData;
  }

  /** Fills the remaining room of one packet. */
  writeStreamFrames(writer: Writer, frames: SentFrame[], now: Instant): void {
    this.#now = now;
    this.#scheduler.write(writer, frames);
  }

  // ── Outcome of sent frames (RFC 9000 §13.3) ───────────────────────────────────────────────────────────────────────

  handleAcked(frame: SentFrame): void {
    if (frame.type !== "stream" && frame.type !== "reset-stream") return;
    const stream = this.#streams.get(frame.id);
    const send = stream?.send;
    if (send === undefined || send.isTerminal) return;
    if (frame.type === "stream") {
      send.handleAcked(frame.offset, frame.length, frame.fin);
      if (send.isTerminal) this.#emit({ type: "stream-finished", id: send.id });
    } else {
      send.handleResetAcked();
    }
    this.#afterSendChange(send.isTerminal ? stream : undefined, send);
  }

  /** Sends the contents of a packet in flight again, although it may still arrive: for probes (RFC 9002 §6.2.4). */
  repeat(frame: SentFrame): void {
    if (frame.type !== "stream") {
      this.handleLost(frame);
      return;
    }
    const send = this.#streams.get(frame.id)?.send;
    if (send === undefined) return;
    send.repeat(frame.offset, frame.length, frame.fin);
    this.#scheduler.reschedule(send);
  }

  handleLost(frame: SentFrame): void {
    if (this.#isClosed) return;
    switch (frame.type) {
      case "stream":
      case "reset-stream":
      case "stream-data-blocked": {
        const send = this.#streams.get(frame.id)?.send;
        if (send === undefined) break;
        if (frame.type === "stream") send.handleLost(frame.offset, frame.length, frame.fin);
        else if (frame.type === "reset-stream") send.handleResetLost();
        else send.credit.handleReportLost(frame.limit);
        this.#scheduler.reschedule(send);
        break;
      }
      case "stop-sending":
      case "max-stream-data": {
        const receive = this.#streams.get(frame.id)?.receive;
        if (receive === undefined) break;
        if (frame.type === "stop-sending") receive.handleStopLost();
        else receive.handleAnnouncementLost(frame.value);
        this.#rescheduleControl(receive);
        break;
      }
      case "max-data":
        this.#window.handleAnnouncementLost(frame.value);
        break;
      case "data-blocked":
        this.#scheduler.handleReportLost(frame.limit);
        break;
      case "max-streams":
        this.#peer[frame.direction].handleAnnouncementLost(frame.value);
        break;
      case "streams-blocked":
        this.#local[frame.direction].handleReportLost(frame.limit);
        break;
    }
  }

  /**
   * Releases everything when the connection has ended. Calls by the application have no effect after that. If the owner
   * of a source throws on release, the error is rethrown after all sources were released.
   */
  closeAll(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const faults: unknown[] = [];
    for (const { send, receive } of this.#streams.values()) {
      try {
        if (send !== undefined) this.#removeSending(send);
      } catch (error) {
        faults.push(error);
      }
      receive?.release();
    }
    this.#streams.clear();
    this.#activeBidi = 0;
    if (faults.length > 0) throw faults[0];
  }

  // ── Finding and removing ──────────────────────────────────────────────────────────────────────────────────────────

  #isLocal(id: StreamId): boolean {
    return isServerInitiated(id) === (this.#role === "server");
  }

  /** The stream for an application call; undefined if it is finished. Throws if there never was one. */
  #opened(id: StreamId): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    const direction = isUnidirectional(id) ? "uni" : "bidi";
    const { opened } = (this.#isLocal(id) ? this.#local : this.#peer)[direction];
    if (streamIndex(id) >= opened) throw new RangeError(`stream ${id} has not been opened`);
    return undefined;
  }

  #sendingPart(stream: Stream | undefined, id: StreamId): SendStream | undefined {
    if (isUnidirectional(id) && !this.#isLocal(id)) throw new RangeError(`stream ${id} is receive-only`);
    return stream?.send;
  }

  #receivingPart(stream: Stream | undefined, id: StreamId): RecvStream | undefined {
    if (isUnidirectional(id) && this.#isLocal(id)) throw new RangeError(`stream ${id} is send-only`);
    return stream?.receive;
  }

  /**
   * The stream that a frame names, opened if the frame may open it; undefined if it is finished. `part` is the part
   * that the frame concerns, which must exist (RFC 9000 §19.4-19.5, §19.8, §19.10, §19.13).
   */
  #find(id: StreamId, part: "send" | "receive", where: string): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream?.[part] !== undefined) return stream;
    const isLocal = this.#isLocal(id);
    const isUni = isUnidirectional(id);
    if (isUni && isLocal === (part === "receive")) {
      const kind = isLocal ? "send-only" : "receive-only";
      throw transportError("STREAM_STATE_ERROR", where, `stream ${id} is ${kind}`);
    }
    const index = streamIndex(id);
    const direction = isUni ? "uni" : "bidi";
    if (isLocal) {
      if (index < this.#local[direction].opened) return undefined;
      throw transportError("STREAM_STATE_ERROR", where, `stream ${id} has not been opened`);
    }
    const peer = this.#peer[direction];
    const first = peer.opened;
    if (index < first) return undefined;
    peer.openUpTo(index, where);
    // RFC 9000 §3.2: this also opens all lower-numbered streams of the type.
    for (let next = first; next <= index; next += 1) {
      const opened = this.#add(next * 4 + (id % 4), false);
      this.#emit({ type: "stream-opened", id: opened.id });
    }
    return this.#streams.get(id);
  }

  #add(id: StreamId, isLocal: boolean): Stream {
    const isUni = isUnidirectional(id);
    const { initialMaxStreamData, maxStreamWindow, maxChunksPerStream = 1_024 } = this.#limits;
    const send = isUni && !isLocal ? undefined : new SendStream(id, initialCredit(this.#peerLimits, id, isLocal));
    const receive =
      isUni && isLocal
        ? undefined
        : new RecvStream(
            id,
            new ReceiveWindow(initialMaxStreamData, maxStreamWindow),
            maxChunksPerStream,
            this.#chunks,
          );
    const stream = new Stream(id, isLocal, send, receive);
    this.#streams.set(id, stream);
    if (send !== undefined) this.#scheduler.add(send);
    if (!isUni) this.#activeBidi += 1;
    return stream;
  }

  #afterSendChange(stream: Stream | undefined, send: SendStream): void {
    this.#room.update(send);
    this.#scheduler.reschedule(send);
    if (stream !== undefined) this.#removeIfFinished(stream);
  }

  #afterReceiveEnd(stream: Stream, receive: RecvStream): void {
    this.#rescheduleControl(receive);
    this.#removeIfFinished(stream);
  }

  #rescheduleControl(receive: RecvStream): void {
    receive.control.moveTo(receive.hasControlFrame ? this.#control.receiving : undefined);
  }

  #removeIfFinished(stream: Stream): void {
    if (!stream.isFinished || !this.#streams.delete(stream.id)) return;
    if (!isUnidirectional(stream.id)) this.#activeBidi -= 1;
    if (stream.send !== undefined) this.#removeSending(stream.send);
    // Only now may the peer open another one in its place.
    if (!stream.isLocal) this.#peer[isUnidirectional(stream.id) ? "uni" : "bidi"].finish();
  }

  #removeSending(send: SendStream): void {
    send.release();
    this.#room.remove(send);
    this.#scheduler.remove(send);
  }
}
