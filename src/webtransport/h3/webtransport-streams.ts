/**
 * The streams of all WebTransport sessions of an HTTP/3 connection: reads the header of each stream of the peer, and hands the
 * stream to its session. Streams that come before their session wait for it, within bounds (draft-ietf-webtrans-http3 §4.5).
 */

import { SparseMap } from "../../base/sparse-map.ts";
import { connectionError, type StreamClaims, type StreamEvent, type StreamOwner } from "../../h3/index.ts";
import { isUnidirectional, type StreamChunk, type StreamId, type StreamTransport } from "../../quic/index.ts";
import type { VarInt } from "../../wire/varint.ts";
import { VarintReader } from "../../wire/varint-reader.ts";
import { WT_ERRORS } from "../error-codes.ts";
import { abandon, SessionStreams, StreamType } from "./session-streams.ts";
import { OLD_TERMS, type SessionTerms } from "./settings.ts";

/** Streams that may wait for sessions that have not been requested, or whose requests have not been answered. */
const MAX_EARLY_STREAMS = 24;

interface Early {
  readonly sessionId: StreamId;
  readonly first: StreamChunk;
}

export class WebTransportStreams implements StreamOwner {
  readonly #transport: StreamTransport;
  readonly #claims: StreamClaims;
  readonly #sessions = new SparseMap<StreamId, SessionStreams>();
  /** The lowest id that the peer has used for no request yet. A client makes its requests itself. */
  readonly #nextRequestId: () => StreamId;
  /** Streams whose session id has not arrived completely. */
  readonly #headless = new SparseMap<StreamId, VarintReader>();
  /** Streams of sessions that have not been requested, in the order in which they came. */
  readonly #early = new SparseMap<StreamId, Early>();

  /** What both sides agreed on, once the peer's settings have arrived. */
  readonly terms: () => SessionTerms;

  /** `nextRequestId` is a server's: requests below it have arrived. */
  constructor(
    transport: StreamTransport,
    claims: StreamClaims,
    nextRequestId: () => StreamId,
    terms: () => SessionTerms = () => OLD_TERMS,
  ) {
    this.terms = terms;
    this.#transport = transport;
    this.#claims = claims;
    this.#nextRequestId = nextRequestId;
    claims.claim("uni", StreamType.UNI, this);
    claims.claim("bidi", StreamType.BIDI, this);
  }

  /** Sessions that were requested and have not ended. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Adds the session of a request, answered or not. Close it if the answer opens no session. */
  add(sessionId: StreamId): SessionStreams {
    const onClose = (): void => void this.#sessions.delete(sessionId);
    const session = new SessionStreams(this.#transport, this.#claims, sessionId, onClose, this.terms);
    this.#sessions.set(sessionId, session);
    for (const [id, early] of this.#early) {
      if (early.sessionId !== sessionId) continue;
      this.#early.delete(id);
      session.accept(id, early.first);
    }
    return session;
  }

  handleStream(id: StreamId, _type: VarInt, bytes: Uint8Array, fin: boolean): void {
    const reader = new VarintReader();
    this.#headless.set(id, reader);
    if (!this.#readHeader(id, reader, { bytes, fin })) this.#readOn(id);
  }

  /** Events of streams that belong to no session yet. */
  handleEvent(event: StreamEvent): void {
    switch (event.type) {
      case "stream-readable":
        this.#readOn(event.id);
        break;
      case "stream-reset":
      case "stream-stopped":
        // A stream that belongs to no session has no use without either direction.
        this.#forget(event.id, WT_ERRORS.WT_SESSION_GONE, event.type === "stream-stopped");
        break;
    }
  }

  handleStreamsAvailable(direction: "bidi" | "uni"): void {
    for (const session of this.#sessions.values()) session.announceCredit(direction);
  }

  #readOn(id: StreamId): void {
    const reader = this.#headless.get(id);
    // An early stream is read by its session.
    if (reader === undefined) return;
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      if (this.#readHeader(id, reader, chunk)) return;
    }
  }

  /** Returns true if the stream has found its place, or has ended. */
  #readHeader(id: StreamId, reader: VarintReader, { bytes, fin }: StreamChunk): boolean {
    const at = bytes.length === 0 ? 0 : reader.read(bytes, 0);
    if (!reader.done) {
      if (fin) this.#forget(id, WT_ERRORS.WT_SESSION_GONE, !isUnidirectional(id));
      return fin;
    }
    this.#headless.delete(id);
    this.#place(id, reader.exact, { bytes: bytes.subarray(at), fin });
    return true;
  }

  #place(id: StreamId, sessionId: VarInt, first: StreamChunk): void {
    // §4 of the draft: the id of a session is that of a request.
    if (typeof sessionId !== "number" || sessionId % 4 !== 0) {
      throw connectionError("H3_ID_ERROR", "WebTransport stream", "its session id is not that of a request");
    }
    const session = this.#sessions.get(sessionId);
    const isEarly = session === undefined && this.#transport.role === "server" && sessionId >= this.#nextRequestId();
    if (session === undefined && !isEarly) {
      this.#refuse(id, WT_ERRORS.WT_SESSION_GONE);
    } else if (this.#waiting >= MAX_EARLY_STREAMS && session?.isAwaited !== false) {
      session?.countRefused(id);
      this.#refuse(id, WT_ERRORS.WT_BUFFERED_STREAM_REJECTED);
    } else if (session === undefined) {
      this.#early.set(id, { sessionId, first });
    } else {
      session.accept(id, first);
    }
  }

  get #waiting(): number {
    let sum = this.#early.size;
    for (const { waiting } of this.#sessions.values()) sum += waiting;
    return sum;
  }

  /** Ends a stream that belongs to no session. */
  #refuse(id: StreamId, code: number): void {
    this.#claims.release(id);
    abandon(this.#transport, id, code, { isReading: true, isSending: !isUnidirectional(id), headerLength: 0 });
  }

  #forget(id: StreamId, code: number, isReading: boolean): void {
    this.#headless.delete(id);
    this.#early.delete(id);
    this.#claims.release(id);
    abandon(this.#transport, id, code, { isReading, isSending: !isUnidirectional(id), headerLength: 0 });
  }
}
