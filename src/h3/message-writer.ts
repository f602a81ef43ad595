/** The sending part of a request stream: whole frames that wait for room, and the content of DATA frames that does not. */

import type { StreamId, StreamTransport } from "../quic/transport.ts";
import { type VarInt, varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";

const EMPTY = new Uint8Array(0);

export class MessageWriter {
  readonly #transport: StreamTransport;
  readonly #id: StreamId;
  /** Frames, or the rest of them, that the transport had no room for. Bounded by the field sections of one message. */
  #pending: Uint8Array[] = [];
  #finPending = false;
  /** How much of the current DATA frame's content has not been written. */
  #frameRemaining = 0;
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

  /** Whether the end has been handed to the transport, or the stream reset. */
  get isDone(): boolean {
    return this.#state === "over" || (this.#state === "ended" && this.#pending.length === 0 && !this.#finPending);
  }

  /** Whether the transport has nothing of it left to deliver. */
  get isDelivered(): boolean {
    return this.#isDelivered || this.#state === "over";
  }

  handleDelivered(): void {
    this.#isDelivered = true;
  }

  /** Writes whole frames, which wait where there is no room. The stream must be open. */
  writeFrames(bytes: Uint8Array, fin: boolean): void {
    if (this.#frameRemaining > 0) throw new RangeError(`${this.#frameRemaining} bytes of content are still owed`);
    if (fin) this.#state = "ended";
    if (this.#pending.length > 0) {
      this.#pending.push(bytes);
      this.#finPending ||= fin;
      return;
    }
    const accepted = this.#transport.write(this.#id, bytes, fin);
    if (accepted < bytes.length) {
      this.#pending.push(bytes.subarray(accepted));
      this.#finPending = fin;
    }
  }

  /**
   * Writes content, by reference, and says how much was accepted. A DATA frame is begun for all of `bytes`: what was
   * not accepted must be offered again, before anything else. `fin` counts only when all was accepted.
   */
  writeData(bytes: Uint8Array, fin: boolean): number {
    if (this.#state !== "open") {
      if (fin) this.finishStopped();
      return bytes.length;
    }
    if (bytes.length < this.#frameRemaining && fin) {
      throw new RangeError(`${this.#frameRemaining} bytes of content are owed, and ${bytes.length} are the last`);
    }
    if (this.#pending.length > 0) {
      if (bytes.length > 0 || !fin) return 0;
      // The end alone needs no room of its own.
      this.#finPending = true;
      this.#state = "ended";
      return 0;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#frameRemaining === 0) {
        this.#frameRemaining = bytes.length - at;
        if (!this.#writeDataHeader()) return at;
      }
      const part =
        at === 0 && this.#frameRemaining >= bytes.length ? bytes : bytes.subarray(at, at + this.#frameRemaining);
      const last = fin && at + part.length === bytes.length;
      const accepted = this.#transport.write(this.#id, part, last);
      this.#frameRemaining -= accepted;
      at += accepted;
      if (accepted < part.length) return at;
    }
    if (fin) {
      if (bytes.length === 0) this.#transport.write(this.#id, EMPTY, true);
      this.#state = "ended";
    }
    return at;
  }

  /** False when not even the header went out: it waits, and content has to. */
  #writeDataHeader(): boolean {
    const header = new Uint8Array(1 + varintLength(this.#frameRemaining));
    const writer = new Writer(header);
    writer.varint(FrameType.DATA);
    writer.varint(this.#frameRemaining);
    const accepted = this.#transport.write(this.#id, header, false);
    if (accepted === header.length) return true;
    this.#pending.push(header.subarray(accepted));
    return false;
  }

  /** The transport has room again. True when all that waited is out and `writeData` will accept something. */
  flush(): boolean {
    while (this.#pending.length > 0) {
      const bytes = this.#pending[0]!;
      const fin = this.#finPending && this.#pending.length === 1;
      const accepted = this.#transport.write(this.#id, bytes, fin);
      if (accepted < bytes.length) {
        this.#pending[0] = bytes.subarray(accepted);
        return false;
      }
      this.#pending.shift();
      if (fin) this.#finPending = false;
    }
    return this.#state === "open";
  }

  /** The peer wants no more. When all was written already, that is the end. */
  handleStopped(): void {
    const wasEnded = this.#state === "ended";
    this.#state = "stopped";
    this.#pending = [];
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
    this.#pending = [];
  }
}
