/** The sending part of a request stream: frames, all of which the transport takes, and what may still be written. */

import type { SendSource } from "../quic/index.ts";
import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { type VarInt, varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";

export class MessageWriter {
  readonly #transport: StreamTransport;
  readonly #id: StreamId;
  /** "stopped" by the peer: what is written is dropped, and yet the application has to come to its end. */
  #state: "open" | "ended" | "stopped" | "over" = "open";
  #isDelivered = false;

  constructor(transport: StreamTransport, id: StreamId) {
    this.#transport = transport;
    this.#id = id;
  }

  /** Whether what is written goes anywhere. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get hasRoom(): boolean {
    return this.#state !== "open" || this.#transport.writableBytes(this.#id) > 0;
  }

  /** Whether the end has been handed to the transport, or the stream reset. */
  get isDone(): boolean {
    return this.#state === "over" || this.#state === "ended";
  }

  /** Whether the transport has nothing of it left to deliver. */
  get isDelivered(): boolean {
    return this.#isDelivered || this.#state === "over";
  }

  handleDelivered(): void {
    this.#isDelivered = true;
  }

  /** Writes whole frames. The stream must be open. */
  writeFrames(bytes: Uint8Array, fin: boolean): void {
    this.#transport.write(this.#id, bytes, fin);
    if (fin) this.#state = "ended";
  }

  /** Writes content as one DATA frame, by reference. False when that is enough for now. */
  writeData(content: Uint8Array | SendSource, fin: boolean): boolean {
    if (this.#state !== "open") {
      if (fin) this.finishStopped();
      return true;
    }
    if (content.length > 0) this.#writeDataHeader(content.length);
    if (fin) this.#state = "ended";
    return this.#transport.write(this.#id, content, fin);
  }

  #writeDataHeader(length: number): void {
    const header = new Uint8Array(1 + varintLength(length));
    const writer = new Writer(header);
    writer.varint(FrameType.DATA);
    writer.varint(length);
    this.#transport.write(this.#id, header, false);
  }

  /** The peer wants no more. When all was written already, that is the end. */
  handleStopped(): void {
    const wasEnded = this.#state === "ended";
    this.#state = "stopped";
    if (wasEnded) this.finishStopped();
  }

  /** The application's work for a stopped stream has ended, and the transport may know it. */
  finishStopped(): void {
    if (this.#state === "stopped") this.reset(H3_ERRORS.H3_NO_ERROR.code);
  }

  /** Abandons what was not acknowledged. */
  reset(code: VarInt): void {
    this.#transport.reset(this.#id, code);
    this.#state = "over";
  }
}
