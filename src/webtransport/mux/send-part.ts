/** The sending part of a stream: what the application wrote, until it is in a message (RFC 9000 §3.1). */

import { Fifo } from "../../base/fifo.ts";
import { Demand, Leaf } from "../../quic/scheduler/index.ts";
import type { StreamId } from "../../quic/transport.ts";
import type { Writer } from "../../wire/writer.ts";
import type { MuxDialect } from "./dialect.ts";

/** Bytes that may wait before `write` says that there is no room. */
const ROOM = 64 * 1024;
/** A frame with less data is not worth the end of a message. */
const LEAST_DATA = 64;

export class SendPart {
  readonly id: StreamId;
  readonly leaf: Leaf<SendPart> = new Leaf<SendPart>(this);
  /** The peer's limit. */
  maxData: number;
  /** Bytes that are in messages. */
  sent = 0;
  /** True if the application was told that there is no room. */
  isFull = false;
  readonly #waiting = new Fifo<Uint8Array>();
  /** Bytes of the first chunk that are in messages. */
  #taken = 0;
  #buffered = 0;
  #hasFin = false;
  #isFinSent = false;

  constructor(id: StreamId, maxData: number) {
    this.id = id;
    this.maxData = maxData;
  }

  get demand(): Demand {
    if (this.#buffered > 0) return this.sent < this.maxData ? Demand.fresh : Demand.none;
    return this.#hasFin && !this.#isFinSent ? Demand.repair : Demand.none;
  }

  get hasRoom(): boolean {
    return this.#buffered < ROOM;
  }

  write(bytes: Uint8Array, fin: boolean): void {
    if (this.#hasFin) return;
    this.#hasFin = fin;
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#buffered += bytes.length;
  }

  /**
   * Writes a piece with at most `credit` bytes, the connection's. "end": everything has been sent, the end included.
   */
  writeFrame(writer: Writer, dialect: MuxDialect, credit: number, maxPayload: number): "more" | "end" | "no-room" {
    const { id, sent } = this;
    const wanted = Math.min(this.#buffered, this.maxData - sent, credit, maxPayload);
    const overhead = dialect.streamOverhead(id, sent, maxPayload);
    const length = Math.min(wanted, writer.remaining - overhead);
    if (length < Math.min(wanted, LEAST_DATA)) return "no-room";
    const fin = this.#hasFin && length === this.#buffered;
    dialect.stream(writer, id, sent, this.#take(length), fin);
    this.sent += length;
    this.#isFinSent = fin;
    return fin ? "end" : "more";
  }

  #take(length: number): Uint8Array {
    this.#buffered -= length;
    const first = this.#waiting.first;
    if (first !== undefined && first.length - this.#taken >= length) return this.#advance(first, length);
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const next = this.#waiting.first!;
      const part = this.#advance(next, Math.min(length - at, next.length - this.#taken));
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #advance(chunk: Uint8Array, length: number): Uint8Array {
    const end = this.#taken + length;
    const part = chunk.subarray(this.#taken, end);
    this.#taken = end;
    if (end === chunk.length) {
      this.#waiting.shift();
      this.#taken = 0;
    }
    return part;
  }
}
