/** The receiving part of a stream: what arrived, until the application reads it (RFC 9000 §3.2). */

import { Fifo } from "../../base/fifo.ts";
import { transportError } from "../../quic/errors.ts";
import type { StreamChunk, StreamId } from "../../quic/transport.ts";
import type { VarInt } from "../../wire/varint.ts";

export class ReceivePart {
  readonly id: StreamId;
  /** Bytes that arrived. */
  received = 0;
  readonly #window: number;
  /** What the peer knows as its limit. */
  #maxData: number;
  readonly #waiting = new Fifo<Uint8Array>();
  #buffered = 0;
  #consumed = 0;
  #hasFin = false;
  /** The application does not read any more. */
  isStopped = false;
  /** The code of a reset that follows what has arrived. */
  resetCode: VarInt | undefined;

  constructor(id: StreamId, window: number) {
    this.id = id;
    this.#window = window;
    this.#maxData = window;
  }

  /** True if nothing more arrives, and nothing is left to read. */
  get isDone(): boolean {
    return (this.#hasFin || this.resetCode !== undefined) && (this.isStopped || this.#buffered === 0);
  }

  get hasFin(): boolean {
    return this.#hasFin;
  }

  /** Takes the data of a STREAM frame, a view. Throws a `ProtocolError` if it is not what comes next. */
  receive(offset: number, data: Uint8Array, fin: boolean): void {
    if (this.#hasFin || this.resetCode !== undefined) {
      throw transportError("FINAL_SIZE_ERROR", "STREAM", "data after the end of the stream");
    }
    // The carrier keeps the order, so there are no gaps and nothing comes twice.
    if (offset !== this.received) {
      throw transportError("PROTOCOL_VIOLATION", "STREAM", `offset ${offset} follows ${this.received} bytes`);
    }
    this.#extend(offset + data.length);
    this.#hasFin = fin;
    if (data.length === 0) return;
    if (this.isStopped) {
      this.#consumed += data.length;
      return;
    }
    this.#waiting.push(new Uint8Array(data));
    this.#buffered += data.length;
  }

  /** RESET_STREAM: returns how many bytes more count as received, and how many were not read. */
  reset(finalSize: number): { readonly missing: number; readonly unread: number } {
    // deviation: RFC 9000 §4.5 makes a smaller size an error, but implementations of drafts 00 to 02 send 0.
    const missing = Math.max(0, finalSize - this.received);
    this.#extend(this.received + missing);
    this.#hasFin = true;
    const unread = this.#buffered;
    this.#drop();
    return { missing, unread };
  }

  /** Reads the next run of bytes, at most `max`; undefined if there is none now. */
  read(max = Number.POSITIVE_INFINITY): StreamChunk | undefined {
    const first = this.#waiting.first;
    if (first === undefined) return this.#hasFin && !this.isStopped ? { bytes: EMPTY, fin: true } : undefined;
    this.#waiting.shift();
    let bytes = first;
    if (first.length > max) {
      bytes = first.slice(0, max);
      this.#waiting.insert(first.subarray(max), () => true);
    }
    this.#buffered -= bytes.length;
    this.#consumed += bytes.length;
    return { bytes, fin: this.#hasFin && this.#buffered === 0 };
  }

  /** The application does not read any more. Returns the number of bytes that it has not read. */
  stop(): number {
    this.isStopped = true;
    const unread = this.#buffered;
    this.#drop();
    return unread;
  }

  /** A new limit for the peer, if it is worth a frame. */
  nextLimit(): number | undefined {
    if (this.#hasFin || this.resetCode !== undefined || this.#maxData - this.#consumed > this.#window / 2)
      return undefined;
    this.#maxData = this.#consumed + this.#window;
    return this.#maxData;
  }

  #extend(size: number): void {
    // RFC 9000 §4.1.
    if (size > this.#maxData)
      throw transportError("FLOW_CONTROL_ERROR", "STREAM", `${size} bytes on stream ${this.id}`);
    this.received = size;
  }

  #drop(): void {
    this.#consumed += this.#buffered;
    this.#buffered = 0;
    while (this.#waiting.size > 0) this.#waiting.shift();
  }
}

const EMPTY = new Uint8Array(0);
