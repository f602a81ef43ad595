/**
 * All streams of a connection (RFC 9000 §2-4): connects them with the scheduler, flow control, the peer's frames and
 * the application.
 */

import { moveMember } from "../../base/queue.ts";
import type { ChunkBudget } from "../../base/reassembler.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { VarInt } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { SendPriority, SendSession } from "../scheduler/index.ts";
import type { StreamEvent } from "../trace.ts";
import { isUnidirectional, type StreamChunk, type StreamDirection, type StreamId } from "../transport.ts";
import { BlockedStreams } from "./blocked-streams.ts";
import { ControlFrames } from "./control-frames.ts";
import { ReceiveWindow } from "./flow-control.ts";
import { DEFAULT_MAX_CHUNKS, initialCredit, type PeerStreamLimits, type StreamSetLimits } from "./limits.ts";
import type { RecvStream } from "./recv-stream.ts";
import { type EventSink, SendRoom } from "./send-room.ts";
import { SendScheduler } from "./send-scheduler.ts";
import type { SendSource } from "./send-source.ts";
import type { SendStream } from "./send-stream.ts";
import type { Stream } from "./stream.ts";
import type { StreamFacts } from "./stream-facts.ts";
import { StreamTable, type StreamTableListener } from "./stream-table.ts";

/** The connection of the streams. */
export interface StreamSetHost extends EventSink {
  readonly role: "client" | "server";
  /** The smoothed round-trip time, for window auto-tuning; zero until known. */
  readonly smoothedRtt: Micros;
}

export class StreamSet implements StreamFacts, StreamTableListener {
  readonly #limits: StreamSetLimits;
  readonly #host: StreamSetHost;
  readonly #trace: ((event: StreamEvent) => void) | undefined;
  readonly #table: StreamTable;
  readonly #window: ReceiveWindow;
  readonly #chunks: ChunkBudget;
  readonly #control: ControlFrames;
  readonly scheduler: SendScheduler;
  readonly #room: SendRoom;
  #now: Instant = 0 as Instant;
  #isClosed = false;

  constructor(host: StreamSetHost, limits: StreamSetLimits, trace?: (event: StreamEvent) => void) {
    this.#host = host;
    this.#limits = limits;
    this.#trace = trace;
    const { initialMaxData, maxConnectionWindow, maxUnread = maxConnectionWindow } = limits;
    this.#window = new ReceiveWindow(initialMaxData, maxConnectionWindow, maxUnread);
    this.#chunks = { remaining: limits.maxChunksPerConnection ?? DEFAULT_MAX_CHUNKS };
    this.#table = new StreamTable(this, host.role, limits, this.#chunks);
    this.#control = new ControlFrames(this.#window, this.#table.local, this.#table.peer);
    this.scheduler = new SendScheduler(this.#control.sending, trace && new BlockedStreams(trace));
    const perStream = limits.sendBufferPerStream;
    const perConnection = limits.sendBufferPerConnection ?? perStream * 16;
    this.#room = new SendRoom(perStream, perConnection, this.scheduler.credit, host);
  }

  onStreamAdded({ id, isLocal, send }: Stream): void {
    this.#trace?.({ type: "quic:stream-opened", id, isLocal });
    if (send !== undefined) this.scheduler.add(send);
  }

  onStreamOpened(id: StreamId): void {
    this.#host.emit({ type: "stream-opened", id });
  }

  /** The number of streams that are not finished. */
  get activeStreams(): number {
    return this.#table.size;
  }

  /**
   * The number of bidirectional streams among them: requests in progress, not streams that a protocol keeps open for
   * itself.
   */
  get activeBidiStreams(): number {
    return this.#table.activeBidi;
  }

  /** True if a request is in progress, or waits for the peer to allow another stream. */
  get hasRequests(): boolean {
    return this.#table.activeBidi > 0 || this.#table.local.bidi.isWanted;
  }

  /** True if the peer must allow another stream first. */
  get isWaitingForStream(): boolean {
    const { bidi, uni } = this.#table.local;
    return bidi.isWanted || uni.isWanted;
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
    return this.scheduler.credit.used;
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
    this.#table.peerLimits = limits;
    this.handleMaxData(limits.initialMaxData);
    for (const stream of this.#table) {
      if (stream.send?.credit.raise(initialCredit(limits, stream.id, stream.isLocal)))
        this.scheduler.reschedule(stream.send);
    }
    this.handleMaxStreams("bidi", limits.initialMaxStreamsBidi);
    this.handleMaxStreams("uni", limits.initialMaxStreamsUni);
  }

  /**
   * The peer rejected 0-RTT: everything is sent again, under its actual limits, which may be lower than the remembered ones
   * (RFC 9001 §4.6.2). Returns false if more streams are open than it allows.
   */
  restart(limits: PeerStreamLimits): boolean {
    this.scheduler.credit.restart(0);
    for (const { send } of this.#table) send?.restart(0);
    const { bidi, uni } = this.#table.local;
    for (const local of [bidi, uni]) local.restart();
    this.setPeerLimits(limits);
    for (const { send } of this.#table) if (send !== undefined) this.scheduler.reschedule(send);
    return bidi.opened <= bidi.limit && uni.opened <= uni.limit;
  }

  // ── Application calls ─────────────────────────────────────────────────────────────────────────────────────────────

  openStream(direction: StreamDirection, wanted?: StreamId): StreamId | undefined {
    return this.#isClosed ? undefined : this.#table.open(direction, wanted);
  }

  /** Appends all of `data`. Returns false if there is no room for more now. */
  write(id: StreamId, data: Uint8Array | SendSource, fin: boolean): boolean {
    if (this.#isClosed) return true;
    const stream = this.#table.opened(id);
    const send = this.#table.sendingPart(stream, id);
    if (stream === undefined || send === undefined) return true;
    this.#trace?.({ type: "quic:stream-data-moved", id, direction: "written", length: data.length, fin });
    send.write(data, fin);
    this.#room.update(send);
    this.scheduler.reschedule(send);
    this.#removeIfFinished(stream);
    return this.#room.has(send);
  }

  /** Sets a stream's place among all streams with something to send. */
  setPriority(id: StreamId, priority: SendPriority): void {
    const send = this.#table.sendingPart(this.#table.opened(id), id);
    if (send !== undefined) this.scheduler.setPriority(send, priority);
  }

  peerStreamLimit(direction: StreamDirection): number {
    return this.#table.peer[direction].limit;
  }

  openSession(urgency?: number): SendSession {
    return this.scheduler.openSession(urgency);
  }

  /** Sets the congestion window, which a stream's buffer limit follows. */
  setCongestionWindow(bytes: number): void {
    this.#room.setCongestionWindow(bytes);
  }

  writableBytes(id: StreamId): number {
    const send = this.#table.sendingPart(this.#table.opened(id), id);
    if (!send?.acceptsData) return Number.MAX_SAFE_INTEGER;
    return this.#room.has(send) ? this.#room.available(send) : 0;
  }

  read(id: StreamId, max?: number, into?: Uint8Array): StreamChunk | undefined {
    const stream = this.#table.opened(id);
    const receive = this.#table.receivingPart(stream, id);
    const chunk = receive?.read(max, this.#window, into);
    if (chunk !== undefined) {
      const { bytes, fin } = chunk;
      this.#trace?.({ type: "quic:stream-data-moved", id, direction: "read", length: bytes.length, fin });
      this.#rescheduleControl(receive!);
      this.#reportReset(receive!);
      if (receive!.isTerminal) this.#removeIfFinished(stream!);
    }
    return chunk;
  }

  reset(id: StreamId, code: VarInt, reliableSize = 0): void {
    const stream = this.#table.opened(id);
    const send = this.#table.sendingPart(stream, id);
    if (send === undefined) return;
    send.reset(code, true, this.#table.peerLimits.resetStreamAt ? reliableSize : 0);
    this.#afterSendChange(stream!, send);
  }

  stopSending(id: StreamId, code: VarInt): void {
    const stream = this.#table.opened(id);
    const receive = this.#table.receivingPart(stream, id);
    if (receive === undefined) return;
    receive.stop(code, this.#window);
    this.#rescheduleControl(receive);
    this.#removeIfFinished(stream!);
  }

  watchDropped(id: StreamId, onDropped: (bytes: number) => void): void {
    const receive = this.#table.receivingPart(this.#table.opened(id), id);
    if (receive !== undefined) receive.onDropped = onDropped;
  }

  // ── Frames from the peer ──────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the number of bytes received for the first time. */
  handleStream(id: StreamId, offset: number, data: Uint8Array, fin: boolean, now: Instant): number {
    this.#now = now;
    const stream = this.#table.find(id, "receive", "STREAM");
    const receive = stream?.receive;
    if (receive === undefined) return 0;
    const before = receive.window.received;
    const kept = receive.handleData(offset, data, fin, this.#window, now);
    if (receive.announceReadable()) this.#host.emit({ type: "stream-readable", id });
    if (fin) this.#afterReceiveEnd(stream!, receive);
    // Includes data that is dropped because the stream is no longer read.
    return Math.max(kept, receive.window.received - before);
  }

  /** RESET_STREAM, or RESET_STREAM_AT with a reliable size. */
  handleResetStream(id: StreamId, code: VarInt, finalSize: number, reliableSize = 0): void {
    const stream = this.#table.find(id, "receive", reliableSize === 0 ? "RESET_STREAM" : "RESET_STREAM_AT");
    const receive = stream?.receive;
    if (receive === undefined) return;
    receive.handleReset(code, finalSize, reliableSize, this.#window, this.#now);
    this.#reportReset(receive);
    this.#afterReceiveEnd(stream!, receive);
  }

  handleStopSending(id: StreamId, code: VarInt): void {
    const stream = this.#table.find(id, "send", "STOP_SENDING");
    const send = stream?.send;
    if (send === undefined) return;
    // RFC 9000 §3.5: answered with RESET_STREAM and the same code; only once, since a reset part stays reset.
    if (send.reset(code, false)) this.#host.emit({ type: "stream-stopped", id, code });
    this.#afterSendChange(stream!, send);
  }

  handleMaxData(maximum: number): void {
    const { credit } = this.scheduler;
    const before = credit.available;
    if (credit.raise(maximum)) this.#room.handleConnectionCredit(before);
  }

  handleMaxStreamData(id: StreamId, maximum: number): void {
    const send = this.#table.find(id, "send", "MAX_STREAM_DATA")?.send;
    if (!send?.credit.raise(maximum)) return;
    this.scheduler.reschedule(send);
    this.#room.handleCredit(send);
  }

  handleMaxStreams(direction: StreamDirection, maximum: number): void {
    if (this.#table.local[direction].raise(maximum)) this.#host.emit({ type: "streams-available", direction });
  }

  handleDataBlocked(_limit: number): void {
    this.#window.handleBlocked();
  }

  handleStreamDataBlocked(id: StreamId, _limit: number): void {
    const receive = this.#table.find(id, "receive", "STREAM_DATA_BLOCKED")?.receive;
    if (receive === undefined) return;
    receive.handleBlocked();
    this.#rescheduleControl(receive);
  }

  handleStreamsBlocked(direction: StreamDirection, _limit: number): void {
    this.#table.peer[direction].handleBlocked();
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  get hasControlFrames(): boolean {
    return !this.#isClosed && this.#control.hasPending(this.scheduler.credit);
  }

  /** Writes as many control frames as fit. */
  writeControlFrames(writer: Writer, frames: SentFrame[]): void {
    this.#control.write(writer, frames, this.scheduler.credit, this.#now, this.#host.smoothedRtt);
  }

  /** True if something in the scheduler may be sent now: a STREAM frame that flow control allows, or a DATAGRAM frame. */
  get hasStreamData(): boolean {
    return this.scheduler.hasData;
  }

  /** Fills the remaining room of one packet. */
  writeStreamFrames(writer: Writer, frames: SentFrame[], now: Instant): void {
    this.#now = now;
    this.scheduler.write(writer, frames);
  }

  // ── Outcome of sent frames (RFC 9000 §13.3) ───────────────────────────────────────────────────────────────────────

  handleAcked(frame: SentFrame): void {
    if (frame.type !== "stream" && frame.type !== "reset-stream") return;
    const stream = this.#table.get(frame.id);
    const send = stream?.send;
    if (send === undefined || send.isTerminal) return;
    if (frame.type === "stream") {
      send.handleAcked(frame.offset, frame.length, frame.fin);
      if (send.state === "data-recvd") this.#host.emit({ type: "stream-finished", id: send.id });
    } else {
      send.handleResetAcked(frame.reliableSize);
    }
    this.#afterSendChange(send.isTerminal ? stream : undefined, send);
  }

  /** Sends the contents of a packet in flight again, although it may still arrive: for probes (RFC 9002 §6.2.4). */
  repeat(frame: SentFrame): void {
    if (frame.type !== "stream") {
      this.handleLost(frame);
      return;
    }
    const send = this.#table.get(frame.id)?.send;
    if (send === undefined) return;
    send.repeat(frame.offset, frame.length, frame.fin);
    this.scheduler.reschedule(send);
  }

  handleLost(frame: SentFrame): void {
    if (this.#isClosed) return;
    switch (frame.type) {
      case "stream":
      case "reset-stream":
      case "stream-data-blocked": {
        const send = this.#table.get(frame.id)?.send;
        if (send === undefined) break;
        if (frame.type === "stream") send.handleLost(frame.offset, frame.length, frame.fin);
        else if (frame.type === "reset-stream") send.handleResetLost(frame.reliableSize);
        else send.credit.handleReportLost(frame.limit);
        this.scheduler.reschedule(send);
        break;
      }
      case "stop-sending":
      case "max-stream-data": {
        const receive = this.#table.get(frame.id)?.receive;
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
        this.scheduler.handleReportLost(frame.limit);
        break;
      case "max-streams":
        this.#table.peer[frame.direction].handleAnnouncementLost(frame.value);
        break;
      case "streams-blocked":
        this.#table.local[frame.direction].handleReportLost(frame.limit);
        break;
    }
  }

  /**
   * Releases everything when the connection has ended, except streams that have arrived completely: these can still be
   * read. Other calls by the application have no effect after that. If the owner of a source throws on release, the
   * error is rethrown after all sources were released.
   */
  closeAll(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const faults: unknown[] = [];
    for (const { send, receive } of this.#table) {
      try {
        if (send !== undefined) this.#removeSending(send);
      } catch (error) {
        faults.push(error);
      }
      if (receive?.state !== "data-recvd") receive?.release();
    }
    this.#table.keepReceived();
    if (faults.length > 0) throw faults[0];
  }

  // ── After changes ─────────────────────────────────────────────────────────────────────────────────────────────────

  #afterSendChange(stream: Stream | undefined, send: SendStream): void {
    this.#room.update(send);
    this.scheduler.reschedule(send);
    if (stream !== undefined) this.#removeIfFinished(stream);
  }

  #afterReceiveEnd(stream: Stream, receive: RecvStream): void {
    this.#rescheduleControl(receive);
    this.#removeIfFinished(stream);
  }

  #reportReset(receive: RecvStream): void {
    const code = receive.takeReset(this.#window);
    if (code !== undefined) this.#host.emit({ type: "stream-reset", id: receive.id, code });
  }

  #rescheduleControl(receive: RecvStream): void {
    const queue = receive.hasControlFrame ? this.#control.receiving : undefined;
    receive.control = moveMember(receive, receive.control, queue);
  }

  #removeIfFinished(stream: Stream): void {
    if (!stream.isFinished || !this.#table.remove(stream)) return;
    this.#trace?.({ type: "quic:stream-closed", id: stream.id });
    if (stream.send !== undefined) this.#removeSending(stream.send);
    // Only now may the peer open another one in its place.
    if (!stream.isLocal) this.#table.peer[isUnidirectional(stream.id) ? "uni" : "bidi"].finish();
  }

  #removeSending(send: SendStream): void {
    send.release();
    this.#room.remove(send);
    this.scheduler.remove(send);
  }
}
