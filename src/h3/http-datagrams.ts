/**
 * HTTP Datagrams in QUIC DATAGRAM frames (RFC 9297 §2.1): each belongs to a request, and starts with a quarter of that
 * request's stream id. Those that overtake their request wait for it, within bounds.
 */

import { WireError } from "../base/errors.ts";
import { SparseMap } from "../base/sparse-map.ts";
import type { Instant } from "../base/time.ts";
import type { DatagramFlow, DatagramTransport, SendDatagramResult, StreamId } from "../quic/transport.ts";
import { Reader } from "../wire/reader.ts";
import { type VarInt, varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { connectionError } from "./errors.ts";

/**
 * What a datagram finds at its stream. "early": the request has not arrived. "gone": the request or its sender's half has
 * ended. "unexpected": datagrams have no meaning for the request.
 */
export type DatagramPlace = "accepts" | "early" | "gone" | "unexpected";

export interface HttpDatagramsHost {
  /** RFC 9297 §2.1: only while our side of the stream is open. */
  maySendDatagrams(id: StreamId): boolean;
  datagramPlace(id: StreamId): DatagramPlace;
  /** The request, which has no use for datagrams, must end with H3_DATAGRAM_ERROR. */
  refuseDatagram(id: StreamId): void;
  deliverDatagram(id: StreamId, payload: Uint8Array): void;
}

/** RFC 9297 §2.1: stream ids are below 2^62, so a quarter of one is below 2^60. */
const isTooLarge = (quarter: VarInt): boolean => typeof quarter === "object" && quarter.high >= 2 ** 28;

/** RFC 9297 §2.1: early datagrams may be buffered for a while; the oldest give way. */
const MAX_EARLY = 64;
const MAX_EARLY_BYTES = 64 * 1024;

interface Early {
  readonly id: StreamId;
  readonly payload: Uint8Array;
}

/** The HTTP Datagrams of a connection. */
export class HttpDatagrams {
  readonly #transport: DatagramTransport;
  readonly #host: HttpDatagramsHost;
  /** The flows of requests that have sent datagrams. */
  readonly #flows = new SparseMap<StreamId, DatagramFlow>();
  #early: Early[] = [];
  #earlyBytes = 0;
  /** True once the peer has sent SETTINGS_H3_DATAGRAM; we always do. */
  isNegotiated = false;
  /** Received datagrams that were dropped because their request did not come in time, or has ended. */
  dropped = 0;

  constructor(transport: DatagramTransport, host: HttpDatagramsHost) {
    this.#transport = transport;
    this.#host = host;
  }

  get bytesHeld(): number {
    return this.#earlyBytes;
  }

  /** The largest payload that can be sent for a request now; 0 if the peer takes no datagrams, or has not said yet. */
  maxPayload(id: StreamId): number {
    if (!this.isNegotiated || !this.#host.maySendDatagrams(id)) return 0;
    return Math.max(0, this.#transport.maxDatagramPayload - varintLength(id / 4));
  }

  /** Queues a datagram, which is dropped if it has not been sent by `expires`. */
  send(id: StreamId, payload: Uint8Array, expires?: Instant): SendDatagramResult {
    if (!this.#host.maySendDatagrams(id)) return "closed";
    // RFC 9297 §2.1.1: only if both sides have sent the setting with the value 1.
    if (!this.isNegotiated) return "unsupported";
    const writer = new Writer(new Uint8Array(varintLength(id / 4) + payload.length));
    writer.varint(id / 4);
    writer.write(payload);
    return this.#flow(id).send(writer.bytes, expires);
  }

  /** Reads the datagrams that have arrived. */
  handleReadable(): void {
    for (let data = this.#transport.readDatagram(); data !== undefined; data = this.#transport.readDatagram()) {
      this.#handle(data);
    }
  }

  /** Delivers what came before the request, which has arrived now. */
  handleRequest(id: StreamId): void {
    if (this.#early.length === 0) return;
    const own = this.#early.filter((early) => early.id === id);
    this.#early = this.#early.filter((early) => early.id !== id);
    for (const { payload } of own) {
      this.#earlyBytes -= payload.length;
      this.#handlePayload(id, payload);
    }
  }

  /** Drops what a request that has ended still wanted to send. */
  close(id: StreamId): void {
    if (this.#flows.size === 0) return;
    this.#flows.get(id)?.close();
    this.#flows.delete(id);
  }

  /** Forgets all flows, at the end of the connection. */
  clear(): void {
    for (const flow of this.#flows.values()) flow.close();
    this.#flows.clear();
    this.#early = [];
    this.#earlyBytes = 0;
  }

  #flow(id: StreamId): DatagramFlow {
    let flow = this.#flows.get(id);
    if (flow === undefined) {
      flow = this.#transport.openDatagramFlow();
      this.#flows.set(id, flow);
    }
    return flow;
  }

  #handle(data: Uint8Array): void {
    const reader = new Reader(data);
    let quarter: VarInt;
    try {
      quarter = reader.varintExact();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw datagramError("a payload without a quarter stream id");
    }
    if (isTooLarge(quarter)) throw datagramError("a quarter stream id of 2^60 or more");
    // Stream ids stay far below 2^53, so no request will ever have a larger one.
    const id = typeof quarter === "number" ? quarter * 4 : Number.POSITIVE_INFINITY;
    this.#handlePayload(id, data.subarray(data.length - reader.remaining));
  }

  #handlePayload(id: StreamId, payload: Uint8Array): void {
    switch (this.#host.datagramPlace(id)) {
      case "accepts":
        this.#host.deliverDatagram(id, payload);
        break;
      case "early":
        this.#keep({ id, payload });
        break;
      case "gone":
        this.dropped += 1;
        break;
      case "unexpected":
        this.#host.refuseDatagram(id);
    }
  }

  #keep(early: Early): void {
    this.#early.push(early);
    this.#earlyBytes += early.payload.length;
    while (this.#early.length > MAX_EARLY || this.#earlyBytes > MAX_EARLY_BYTES) {
      this.#earlyBytes -= this.#early.shift()!.payload.length;
      this.dropped += 1;
    }
  }
}

const datagramError = (detail: string) => connectionError("H3_DATAGRAM_ERROR", "DATAGRAM", detail);
