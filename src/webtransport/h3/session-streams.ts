/**
 * The streams of one WebTransport session over HTTP/3 (draft-ietf-webtrans-http3 §4): QUIC streams that begin with a type and
 * the session's id.
 */

import { Fifo } from "../../base/fifo.ts";
import { SparseMap } from "../../base/sparse-map.ts";
import type { StreamClaims, StreamEvent, StreamOwner } from "../../h3/index.ts";
import {
  isServerInitiated,
  isUnidirectional,
  type SendGroup,
  type SendSession,
  type StreamChunk,
  type StreamDirection,
  type StreamId,
  type StreamTransport,
} from "../../quic/index.ts";
import { varintLength } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { fromHttpCode, toHttpCode, WT_ERRORS } from "../error-codes.ts";
import type { StreamOrder } from "../session.ts";
import { exporterContext } from "./exporter-context.ts";
import { FlowCapsule, SessionError, SessionFlow } from "./session-flow.ts";
import { OLD_TERMS, type SessionTerms } from "./settings.ts";

/** §4.2, §4.3 of the draft. */
export const StreamType = { UNI: 0x54, BIDI: 0x41 } as const;

/** What the streams of a session do; `Session` has these methods. */
export interface SessionStreamsHandler {
  handleStream(id: StreamId, direction: StreamDirection): void;
  handleReadable(id: StreamId): void;
  handleWritable(id: StreamId): void;
  handleReset(id: StreamId, code: number | undefined): void;
  handleStopped(id: StreamId, code: number | undefined): void;
  handleFinished(id: StreamId): void;
  handleStreamsAvailable(direction: StreamDirection): void;
}

interface SessionStream {
  /** Bytes of type and session id that we wrote: they are delivered even if the stream is reset. */
  readonly headerLength: number;
  /** Content that arrived along with the header. */
  first: StreamChunk | undefined;
  isReading: boolean;
  isSending: boolean;
  /** With flow control: written content for which there is no credit. */
  held?: HeldContent | undefined;
  /** With flow control: nothing is read any more, and how much was sent is not known yet. */
  isDropping?: boolean;
}

interface HeldContent {
  readonly chunks: Fifo<Uint8Array>;
  fin: boolean;
}

export class SessionStreams implements StreamOwner {
  readonly sessionId: StreamId;
  readonly #transport: StreamTransport;
  readonly #claims: StreamClaims;
  readonly #place: SendSession;
  /** The places of the groups that the application made, and of the streams without one. */
  readonly #groups = new WeakMap<object, SendGroup>();
  readonly #onClose: () => void;
  readonly #streams = new SparseMap<StreamId, SessionStream>();
  /** Streams of the peer that came before there was a handler. */
  #early: StreamId[] = [];
  #handler: SessionStreamsHandler | undefined;
  #isClosed = false;
  /** What both sides agreed on. */
  readonly terms: () => SessionTerms;
  #flow: SessionFlow | undefined;
  #onViolation: (error: SessionError) => void = () => {};
  /** Streams with held content, in the order in which they ran out of credit. */
  readonly #held = new Set<StreamId>();
  /** Streams of the peer that were refused before the session was accepted. */
  readonly #refused: Record<StreamDirection, number> = { bidi: 0, uni: 0 };

  constructor(
    transport: StreamTransport,
    claims: StreamClaims,
    sessionId: StreamId,
    onClose: () => void,
    terms: () => SessionTerms = () => OLD_TERMS,
  ) {
    this.terms = terms;
    this.#transport = transport;
    this.#claims = claims;
    this.sessionId = sessionId;
    this.#onClose = onClose;
    this.#place = transport.openSession();
  }

  /** Streams that have not ended in both directions. */
  get size(): number {
    return this.#streams.size;
  }

  /** True until there is a handler: its streams wait. */
  get isAwaited(): boolean {
    return this.#handler === undefined;
  }

  /** Streams that wait for a handler. */
  get waiting(): number {
    return this.#early.length;
  }

  /** Sets the handler, which then learns of streams that are there already. */
  set handler(handler: SessionStreamsHandler) {
    this.#handler = handler;
    const early = this.#early;
    this.#early = [];
    for (const id of early) this.#announce(id, handler);
  }

  /**
   * Begins flow control, if both sides want it; call it before the handler is set. `send` sends a capsule of one integer, and
   * `onViolation` is called if the peer exceeds a limit.
   */
  beginFlow(send: (type: number, value: number) => void, onViolation: (error: SessionError) => void): boolean {
    const { flow } = this.terms();
    if (flow === undefined) return false;
    this.#flow = new SessionFlow(flow);
    this.#flow.send = send;
    this.#onViolation = onViolation;
    for (const direction of ["bidi", "uni"] as const) {
      for (let n = 0; n < this.#refused[direction]; n += 1) {
        this.#flow.handleArrived(direction);
        this.#flow.handleEnded(direction);
      }
    }
    return true;
  }

  /** A stream of the peer was refused, because too many wait. */
  countRefused(id: StreamId): void {
    this.#refused[isUnidirectional(id) ? "uni" : "bidi"] += 1;
  }

  /** A limit of the peer, in a capsule. Throws a `SessionError`. */
  handleLimit(type: number, maximum: number): void {
    const flow = this.#flow!;
    if (type === FlowCapsule.MAX_DATA) {
      flow.handleMaxData(maximum);
      this.#sendHeld(flow);
      return;
    }
    const direction = type === FlowCapsule.MAX_STREAMS_BIDI ? "bidi" : "uni";
    if (flow.handleMaxStreams(direction, maximum)) this.announceCredit(direction);
  }

  /** §4.8 of the draft: sessions of a connection have different material. */
  exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    const bound = exporterContext(this.sessionId, label, context);
    return this.#transport.exportKeyingMaterial!("EXPORTER-WebTransport", bound, length);
  }

  open(direction: StreamDirection): StreamId | undefined {
    if (this.#isClosed || this.#flow?.mayOpen(direction) === false) return undefined;
    const id = this.#transport.openStream(direction);
    if (id === undefined) return undefined;
    this.#flow?.handleOpened(direction);
    const header = headerOf(direction, this.sessionId);
    this.#streams.set(id, {
      headerLength: header.length,
      first: undefined,
      isReading: direction === "bidi",
      isSending: true,
    });
    this.#claims.adopt(id, this);
    if (direction === "bidi") this.#watch(id, this.#streams.get(id)!);
    this.setOrder(id, { group: undefined, sendOrder: 0 });
    this.#transport.write(id, header, false);
    return id;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    const stream = this.#streams.get(id);
    if (stream?.isSending !== true) return true;
    if (this.#flow === undefined) return this.#transport.write(id, bytes, fin);
    return this.#writeWithin(this.#flow, id, stream, bytes, fin);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const stream = this.#streams.get(id);
    if (stream?.isReading !== true) return undefined;
    const chunk = this.#takeFirst(stream, max) ?? this.#transport.read(id, max);
    if (chunk !== undefined && this.#flow !== undefined) {
      const { length } = chunk.bytes;
      if (!this.#isWithin((flow) => flow.handleRead(length))) return undefined;
    }
    if (chunk?.fin === true) this.#endReading(id, stream);
    return chunk;
  }

  reset(id: StreamId, code: number): void {
    const stream = this.#streams.get(id);
    if (stream?.isSending !== true) return;
    // §4.4 of the draft: without its header, the peer could not tell whose stream it was.
    this.#transport.reset(id, toHttpCode(code), stream.headerLength);
    this.#endSending(id, stream);
  }

  stopSending(id: StreamId, code: number): void {
    const stream = this.#streams.get(id);
    if (stream?.isReading !== true) return;
    if (this.#flow !== undefined) this.#drop(this.#flow, stream);
    this.#transport.stopSending(id, toHttpCode(code));
    this.#endReading(id, stream);
  }

  setOrder(id: StreamId, { group = this.#place, sendOrder }: StreamOrder): void {
    if (this.#streams.get(id)?.isSending !== true) return;
    let place = this.#groups.get(group);
    if (place === undefined) {
      place = this.#place.openGroup();
      this.#groups.set(group, place);
    }
    this.#transport.setPriority(id, { group: place, sendOrder });
  }

  /** The session has ended: so do its streams (§6 of the draft). */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const [id, stream] of this.#streams) abandon(this.#transport, id, WT_ERRORS.WT_SESSION_GONE, stream);
    for (const id of this.#streams.keys()) this.#claims.release(id);
    this.#streams.clear();
    this.#early = [];
    this.#held.clear();
    this.#onClose();
  }

  // ── Events of the transport ───────────────────────────────────────────────────────────────────────────────────────

  /** Takes a stream of the peer whose header has been read. */
  accept(id: StreamId, first: StreamChunk): void {
    const isBidi = !isUnidirectional(id);
    this.#streams.set(id, { headerLength: 0, first, isReading: true, isSending: isBidi });
    this.#claims.adopt(id, this);
    if (isBidi) this.setOrder(id, { group: undefined, sendOrder: 0 });
    if (this.#handler === undefined) this.#early.push(id);
    else this.#announce(id, this.#handler);
  }

  /** Streams are handed over by their type to the connection's `WebTransportStreams`, which knows their sessions. */
  handleStream(): void {}

  handleEvent(event: StreamEvent): void {
    const { id } = event;
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    // Nobody knows of the stream yet, and now it has no use.
    if (this.#handler === undefined && (event.type === "stream-reset" || event.type === "stream-stopped")) {
      abandon(this.#transport, id, WT_ERRORS.WT_SESSION_GONE, stream);
      this.countRefused(id);
      this.#endReading(id, stream);
      this.#endSending(id, stream);
      return;
    }
    switch (event.type) {
      case "stream-readable":
        if (stream.isReading) this.#handler?.handleReadable(id);
        break;
      case "stream-writable":
        if (stream.isSending && stream.held === undefined) this.#handler?.handleWritable(id);
        break;
      case "stream-reset":
        if (!stream.isReading) {
          stream.isDropping = false;
          this.#releaseIfDone(id, stream);
          break;
        }
        // What was never read counts all the same (§5.4 of the draft).
        this.#flow?.handleDropped(stream.first?.bytes.length ?? 0);
        this.#endReading(id, stream);
        this.#handler?.handleReset(id, fromHttpCode(event.code));
        break;
      case "stream-stopped":
        if (!stream.isSending) break;
        // Only this makes room for another stream of the peer.
        this.#transport.reset(id, event.code, stream.headerLength);
        this.#endSending(id, stream);
        this.#handler?.handleStopped(id, fromHttpCode(event.code));
        break;
      case "stream-finished":
        if (!stream.isSending) break;
        this.#endSending(id, stream);
        this.#handler?.handleFinished(id);
        break;
      case "stream-opened":
        break;
    }
  }

  /** Streams can be opened again. */
  announceCredit(direction: StreamDirection): void {
    this.#handler?.handleStreamsAvailable(direction);
  }

  #announce(id: StreamId, handler: SessionStreamsHandler): void {
    // It may have been reset while it waited.
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    const direction = isUnidirectional(id) ? "uni" : "bidi";
    if (this.#flow !== undefined) {
      if (!this.#isWithin((flow) => flow.handleArrived(direction))) return;
      this.#watch(id, stream);
    }
    handler.handleStream(id, direction);
    handler.handleReadable(id);
  }

  #takeFirst(stream: SessionStream, max = Number.POSITIVE_INFINITY): StreamChunk | undefined {
    const { first } = stream;
    if (first === undefined) return undefined;
    stream.first = undefined;
    if (first.bytes.length > max) {
      stream.first = { bytes: first.bytes.subarray(max), fin: first.fin };
      return { bytes: first.bytes.subarray(0, max), fin: false };
    }
    return first.bytes.length > 0 || first.fin ? first : undefined;
  }

  // ── Flow control ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns false if the peer has broken a rule, which ends the session. */
  #isWithin(handle: (flow: SessionFlow) => void): boolean {
    try {
      handle(this.#flow!);
      return true;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      this.#onViolation(error);
      return false;
    }
  }

  #writeWithin(flow: SessionFlow, id: StreamId, stream: SessionStream, bytes: Uint8Array, fin: boolean): boolean {
    let rest = bytes;
    if (stream.held === undefined) {
      const taken = flow.take(bytes.length);
      if (taken === bytes.length) return this.#transport.write(id, bytes, fin);
      if (taken > 0) this.#transport.write(id, bytes.subarray(0, taken), false);
      rest = bytes.subarray(taken);
      stream.held = { chunks: new Fifo(), fin };
      this.#held.add(id);
    }
    if (rest.length > 0) stream.held.chunks.push(rest);
    stream.held.fin = fin;
    return false;
  }

  /** There is credit for held content. */
  #sendHeld(flow: SessionFlow): void {
    for (const id of this.#held) {
      const stream = this.#streams.get(id);
      const { held } = stream ?? {};
      if (stream?.isSending !== true || held === undefined) {
        this.#held.delete(id);
        continue;
      }
      for (let chunk = held.chunks.first; chunk !== undefined; chunk = held.chunks.first) {
        const taken = flow.take(chunk.length);
        if (taken > 0) this.#transport.write(id, chunk.subarray(0, taken), false);
        if (taken < chunk.length) {
          held.chunks.shift();
          held.chunks.insert(chunk.subarray(taken), () => true);
          return;
        }
        held.chunks.shift();
      }
      this.#held.delete(id);
      stream.held = undefined;
      const hasRoom = this.#transport.write(id, NO_BYTES, held.fin);
      if (!held.fin && hasRoom) this.#handler?.handleWritable(id);
    }
  }

  /** Counts what the peer sent and nobody will read, when that is known. */
  #watch(id: StreamId, stream: SessionStream): void {
    const flow = this.#flow;
    if (flow === undefined) return;
    this.#transport.watchDropped(id, (bytes) => {
      if (this.#isClosed) return;
      flow.handleDropped(bytes);
      if (stream.isDropping !== true) return;
      stream.isDropping = false;
      this.#releaseIfDone(id, stream);
    });
  }

  /** The application reads no more. */
  #drop(flow: SessionFlow, stream: SessionStream): void {
    flow.handleDropped(stream.first?.bytes.length ?? 0);
    // The content that came with the header may have been all there was.
    stream.isDropping = stream.first?.fin !== true;
    stream.first = undefined;
  }

  #endReading(id: StreamId, stream: SessionStream): void {
    stream.isReading = false;
    stream.first = undefined;
    this.#releaseIfDone(id, stream);
  }

  #endSending(id: StreamId, stream: SessionStream): void {
    stream.isSending = false;
    this.#releaseIfDone(id, stream);
  }

  #releaseIfDone(id: StreamId, stream: SessionStream): void {
    if (stream.isReading || stream.isSending || stream.isDropping === true) return;
    if (!this.#streams.delete(id)) return;
    this.#claims.release(id);
    const isOurs = isServerInitiated(id) === (this.#transport.role === "server");
    if (!isOurs) this.#flow?.handleEnded(isUnidirectional(id) ? "uni" : "bidi");
  }
}

const NO_BYTES = new Uint8Array(0);

function headerOf(direction: StreamDirection, sessionId: StreamId): Uint8Array {
  const type = direction === "uni" ? StreamType.UNI : StreamType.BIDI;
  const writer = new Writer(new Uint8Array(varintLength(type) + varintLength(sessionId)));
  writer.varint(type);
  writer.varint(sessionId);
  return writer.bytes;
}

/** Ends the open directions of a stream with a code of HTTP/3. */
export function abandon(
  transport: StreamTransport,
  id: StreamId,
  code: number,
  { isReading, isSending, headerLength }: { isReading: boolean; isSending: boolean; headerLength: number },
): void {
  if (isSending) transport.reset(id, code, headerLength);
  if (isReading) transport.stopSending(id, code);
}
