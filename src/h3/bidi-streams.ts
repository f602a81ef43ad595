/**
 * Bidirectional streams of the peer whose first integer has not arrived. It matters only if an extension claimed one:
 * all other streams are requests (RFC 9114 §6.1), and a server may not open any.
 */

import { SparseMap } from "../base/sparse-map.ts";
import { isServerInitiated, type StreamId, type StreamTransport } from "../quic/transport.ts";
import { concat } from "../wire/text.ts";
import type { VarInt } from "../wire/varint.ts";
import { VarintReader } from "../wire/varint-reader.ts";
import { connectionError, H3_ERRORS } from "./errors.ts";
import type { Requests } from "./requests.ts";
import type { StreamClaims, StreamEvent } from "./stream-claims.ts";

const EMPTY = new Uint8Array(0);

interface Untyped {
  readonly reader: VarintReader;
  /** The bytes read of the integer: at most 7. */
  bytes: Uint8Array;
  /** STOP_SENDING may overtake the first bytes. */
  stopped: Extract<StreamEvent, { type: "stream-stopped" }> | undefined;
}

export class BidiStreams {
  readonly #transport: StreamTransport;
  readonly #requests: Requests;
  readonly #claims: StreamClaims;
  /** Bounded by the transport: it limits how many streams the peer may open. */
  readonly #untyped = new SparseMap<StreamId, Untyped | undefined>();
  /** Server: the lowest unseen request ID. */
  nextRequestId = 0;
  /** Server: the lowest id of a bidirectional stream that the client has not opened. */
  nextStreamId = 0;
  /** Server: true if new requests are refused. */
  isRefusing = false;

  constructor(transport: StreamTransport, requests: Requests, claims: StreamClaims) {
    this.#transport = transport;
    this.#requests = requests;
    this.#claims = claims;
  }

  handleEvent(event: StreamEvent): void {
    if (event.type === "stream-opened") this.#handleOpened(event.id);
    else if (this.#untyped.has(event.id)) this.#handleUntyped(event);
    else this.#handleRequest(event);
  }

  #handleOpened(id: StreamId): void {
    if (isServerInitiated(id) && !this.#claims.hasBidi) throw unexpected();
    if (!isServerInitiated(id)) this.nextStreamId = Math.max(this.nextStreamId, id + 4);
    if (!this.#claims.hasBidi) this.#accept(id);
    else this.#untyped.set(id, undefined);
  }

  #handleRequest(event: StreamEvent): void {
    switch (event.type) {
      case "stream-readable":
        this.#requests.handleReadable(event.id);
        break;
      case "stream-writable":
        this.#requests.handleWritable(event.id);
        break;
      case "stream-reset":
        this.#requests.handleReset(event.id, event.code);
        break;
      case "stream-stopped":
        this.#requests.handleStopped(event.id, event.code);
        break;
      case "stream-finished":
        this.#requests.handleDelivered(event.id);
    }
  }

  #handleUntyped(event: StreamEvent): void {
    switch (event.type) {
      case "stream-readable":
        this.#read(event.id);
        break;
      case "stream-stopped":
        this.#begun(event.id).stopped = event;
        break;
      case "stream-reset":
        this.#untyped.delete(event.id);
        if (isServerInitiated(event.id)) this.#transport.reset(event.id, H3_ERRORS.H3_REQUEST_CANCELLED.code);
        // A request cancelled this early still counts against the cancellation budget.
        else if (this.#accept(event.id)) this.#requests.handleReset(event.id, event.code);
    }
  }

  /** The state of a stream, which most never need: their first bytes have the whole integer. */
  #begun(id: StreamId): Untyped {
    let stream = this.#untyped.get(id);
    if (stream === undefined) {
      stream = { reader: new VarintReader(), bytes: EMPTY, stopped: undefined };
      this.#untyped.set(id, stream);
    }
    return stream;
  }

  #read(id: StreamId): void {
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      const { bytes, fin } = chunk;
      const first = bytes[0];
      if (first !== undefined && first < 0x40 && this.#untyped.get(id) === undefined) {
        this.#untyped.delete(id);
        this.#handleType(id, first, bytes.subarray(1), bytes, fin);
        return;
      }
      const stream = this.#begun(id);
      const { reader } = stream;
      const at = bytes.length === 0 ? 0 : reader.read(bytes, 0);
      const all = stream.bytes.length === 0 ? bytes : concat(stream.bytes, bytes);
      if (reader.done || fin) {
        this.#untyped.delete(id);
        this.#handleType(id, reader.done ? reader.exact : undefined, bytes.subarray(at), all, fin);
        if (stream.stopped !== undefined) this.#handleEarlyStop(stream.stopped);
        return;
      }
      stream.bytes = all;
    }
  }

  /** Server: true if the head of this request has not arrived. */
  isAwaited(id: StreamId): boolean {
    if (id >= this.nextRequestId || this.#untyped.has(id)) return true;
    const request = this.#requests.get(id);
    return request !== undefined && !request.announced;
  }

  /** Server: the number of streams that may become requests. */
  get undecided(): number {
    return this.#untyped.size;
  }

  /** Server: takes undecided streams below the id `before` for requests, whose head is late. */
  decideLate(before: StreamId): void {
    for (const [id, stream] of this.#untyped) {
      if (id >= before || isServerInitiated(id)) continue;
      this.#untyped.delete(id);
      if (this.#accept(id)) this.#requests.get(id)?.reader.prepend(stream?.bytes ?? EMPTY, false);
    }
  }

  /** `all` is everything read, `rest` the part after the type. `type` is undefined if the stream ended inside it. */
  #handleType(id: StreamId, type: VarInt | undefined, rest: Uint8Array, all: Uint8Array, fin: boolean): void {
    if (type !== undefined && this.#claims.isClaimed("bidi", type)) {
      this.#noteRequestId(id);
      this.#claims.handOver("bidi", type, id, rest, fin);
      return;
    }
    if (isServerInitiated(id)) throw unexpected();
    if (!this.#accept(id)) return;
    this.#requests.get(id)?.reader.prepend(all, fin);
    this.#requests.handleReadable(id);
  }

  #handleEarlyStop(event: StreamEvent): void {
    const owner = this.#claims.ownerOf(event.id);
    if (owner === undefined) this.#handleRequest(event);
    else owner.handleEvent(event);
  }

  /** Returns false if the request is refused. */
  #accept(id: StreamId): boolean {
    if (this.isRefusing) {
      // RFC 9114 §5.2: tells the client that the request was not processed.
      this.#transport.stopSending(id, H3_ERRORS.H3_REQUEST_REJECTED.code);
      this.#transport.reset(id, H3_ERRORS.H3_REQUEST_REJECTED.code);
      return false;
    }
    this.#noteRequestId(id);
    this.#requests.accept(id);
    return true;
  }

  #noteRequestId(id: StreamId): void {
    if (!isServerInitiated(id) && id >= this.nextRequestId) this.nextRequestId = id + 4;
  }
}

/** RFC 9114 §6.1 */
const unexpected = () => connectionError("H3_STREAM_CREATION_ERROR", "stream", "bidirectional, from a server");
