/** The sending part of a request stream: writes frames and tracks the state. The transport accepts every write. */

import type { SendSource } from "../quic/index.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { type VarInt, varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";
import type { H3Trace } from "./trace.ts";

export class MessageWriter {
  readonly #transport: StreamTransport;
  readonly #id: StreamId;
  readonly #trace: H3Trace | undefined;
  /** In "stopped", after STOP_SENDING, writes are dropped until the application ends the message. */
  #state: "open" | "ended" | "stopped" | "reset" = "open";
  #isDelivered = false;
  /** Bytes written to the stream. */
  #written = 0;
  /** The offset after the latest head. */
  #headEnd = 0;

  constructor(transport: StreamTransport, id: StreamId, trace?: H3Trace) {
    this.#transport = transport;
    this.#trace = trace;
    this.#id = id;
  }

  /** True if writes are sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get hasRoom(): boolean {
    return this.#state !== "open" || this.#transport.writableBytes(this.#id) > 0;
  }

  /** True if the end was written or the stream was reset. */
  get isDone(): boolean {
    return this.#state === "reset" || this.#state === "ended";
  }

  /** True if the transport has nothing left to deliver. */
  get isDelivered(): boolean {
    return this.#isDelivered || this.#state === "reset";
  }

  handleDelivered(): void {
    this.#isDelivered = true;
  }

  /** Writes whole frames, the head being the first `headLength` bytes. The stream must be open. */
  writeFrames(bytes: Uint8Array, headLength: number, fin: boolean): void {
    this.#headEnd = this.#written + headLength;
    this.#write(bytes, fin);
    if (fin) this.#state = "ended";
  }

  /** Writes content as one DATA frame, by reference. Returns false when enough is queued. */
  writeData(content: Uint8Array | SendSource, fin: boolean): boolean {
    if (this.#state !== "open") {
      if (fin) this.finishStopped();
      return true;
    }
    const { length } = content;
    if (length > 0) this.#writeDataHeader(length);
    if (length > 0) this.#trace?.({ type: "http3:frame-created", id: this.#id, frame: { type: "data", length } });
    if (fin) this.#state = "ended";
    return this.#write(content, fin);
  }

  #write(bytes: Uint8Array | SendSource, fin: boolean): boolean {
    this.#written += bytes.length;
    return this.#transport.write(this.#id, bytes, fin);
  }

  #writeDataHeader(length: number): void {
    const header = new Uint8Array(1 + varintLength(length));
    const writer = new Writer(header);
    writer.varint(FrameType.DATA);
    writer.varint(length);
    this.#write(header, false);
  }

  /** Call after STOP_SENDING. If everything was already written, resets the stream. */
  handleStopped(): void {
    const wasEnded = this.#state === "ended";
    this.#state = "stopped";
    if (wasEnded) this.finishStopped();
  }

  /** Call when the application has finished a stopped stream. Resets the stream. */
  finishStopped(): void {
    if (this.#state === "stopped") this.reset(H3_ERRORS.H3_NO_ERROR.code);
  }

  /**
   * Resets the stream, dropping unacknowledged content. The head of a response still arrives, as it would over TCP; a
   * request that is cancelled need not.
   */
  reset(code: VarInt): void {
    this.#transport.reset(this.#id, code, this.#transport.role === "server" ? this.#headEnd : 0);
    this.#state = "reset";
  }
}
