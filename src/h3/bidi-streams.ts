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
  readonly #untyped = new SparseMap<StreamId, Untyped>();
  /** Server: the lowest unseen request ID. */
  nextRequestId = 0;
  /** Server: true if new requests are refused. */
  isRefusing = false;

  constructor(transport: StreamTransport, requests: Requests, claims: StreamClaims) {
    this.#transport = transport;
    this.#requests = requests;
    this.#claims = claims;
  }

  handleEvent(event: StreamEvent): void {
    if (event.type === "stream-opened") this.#handleOpened(event.id);
    else if (this.#untyped.has(event.id)) this.#handleUntyped(event, this.#untyped.get(event.id)!);
    else this.#handleRequest(event);
  }

  #handleOpened(id: StreamId): void {
    if (isServerInitiated(id) && !this.#claims.hasBidi) throw unexpected();
    if (!this.#claims.hasBidi) this.#accept(id);
    else this.#untyped.set(id, { reader: new VarintReader(), bytes: EMPTY, stopped: undefined });
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

  #handleUntyped(event: StreamEvent, stream: Untyped): void {
    switch (event.type) {
      case "stream-readable":
        this.#read(event.id, stream);
        break;
      case "stream-stopped":
        stream.stopped = event;
        break;
      case "stream-reset":
        this.#untyped.delete(event.id);
        if (isServerInitiated(event.id)) this.#transport.reset(event.id, H3_ERRORS.H3_REQUEST_CANCELLED.code);
        // A request cancelled this early still counts against the cancellation budget.
        else if (this.#accept(event.id)) this.#requests.handleReset(event.id, event.code);
    }
  }

  #read(id: StreamId, stream: Untyped): void {
    const { reader } = stream;
    for (let chunk = this.#transport.read(id); chunk !== undefined; chunk = this.#transport.read(id)) {
      const at = chunk.bytes.length === 0 ? 0 : reader.read(chunk.bytes, 0);
      const bytes = stream.bytes.length === 0 ? chunk.bytes : concat(stream.bytes, chunk.bytes);
      if (reader.done || chunk.fin) {
        this.#untyped.delete(id);
        const type = reader.done ? reader.exact : undefined;
        this.#handleType(id, type, chunk.bytes.subarray(at), bytes, chunk.fin);
        if (stream.stopped !== undefined) this.#handleEarlyStop(stream.stopped);
        return;
      }
      stream.bytes = bytes;
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
