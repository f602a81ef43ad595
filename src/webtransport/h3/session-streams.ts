/**
 * The streams of one WebTransport session over HTTP/3 (draft-ietf-webtrans-http3 §4): QUIC streams that begin with a type and
 * the session's id.
 */

import { SparseMap } from "../../base/sparse-map.ts";
import type { StreamClaims, StreamEvent, StreamOwner } from "../../h3/index.ts";
import {
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

  constructor(transport: StreamTransport, claims: StreamClaims, sessionId: StreamId, onClose: () => void) {
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

  open(direction: StreamDirection): StreamId | undefined {
    if (this.#isClosed) return undefined;
    const id = this.#transport.openStream(direction);
    if (id === undefined) return undefined;
    const header = headerOf(direction, this.sessionId);
    this.#streams.set(id, {
      headerLength: header.length,
      first: undefined,
      isReading: direction === "bidi",
      isSending: true,
    });
    this.#claims.adopt(id, this);
    this.setOrder(id, { group: undefined, sendOrder: 0 });
    this.#transport.write(id, header, false);
    return id;
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    if (this.#streams.get(id)?.isSending !== true) return true;
    return this.#transport.write(id, bytes, fin);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    const stream = this.#streams.get(id);
    if (stream?.isReading !== true) return undefined;
    const chunk = this.#takeFirst(stream, max) ?? this.#transport.read(id, max);
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
      this.#endReading(id, stream);
      this.#endSending(id, stream);
      return;
    }
    switch (event.type) {
      case "stream-readable":
        if (stream.isReading) this.#handler?.handleReadable(id);
        break;
      case "stream-writable":
        if (stream.isSending) this.#handler?.handleWritable(id);
        break;
      case "stream-reset":
        if (!stream.isReading) break;
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
    if (!this.#streams.has(id)) return;
    handler.handleStream(id, isUnidirectional(id) ? "uni" : "bidi");
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
    if (stream.isReading || stream.isSending) return;
    this.#streams.delete(id);
    this.#claims.release(id);
  }
}

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
