/** Reads the frames of a WebSocket (RFC 6455 §5), in pieces of any size, and puts messages together. */

import { concat } from "../../wire/text.ts";
import { FIN, MASK_LENGTH, MASKED, masked, Opcode } from "./frame-writer.ts";

/** A status code of §7.4.1. */
export const WebSocketStatus = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** No status was given; never sent. */
  none: 1005,
  tooLarge: 1009,
} as const;

/** What the peer did wrong, and the status for the Close frame that says so. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface WebSocketReaderOptions {
  /** Frames of clients are masked, and those of servers are not (§5.1). */
  readonly from: "client" | "server";
  /** The largest message in bytes. */
  readonly maxMessage: number;
  readonly onMessage: (message: Uint8Array, isText: boolean) => void;
  readonly onPing: (payload: Uint8Array) => void;
  /** `status` is 1005 if the frame has none. */
  readonly onClose: (status: number) => void;
}

const MAX_CONTROL = 125;
const MAX_HEAD = 14;
const RESERVED = 0x70;

export class WebSocketReader {
  readonly #options: WebSocketReaderOptions;
  readonly #head = new Uint8Array(MAX_HEAD);
  #headLength = 0;
  /** The payload of the current frame, once its head is complete. */
  #payload: Uint8Array | undefined;
  #filled = 0;
  /** The parts of a message that came in several frames. */
  #parts: Uint8Array[] = [];
  #partsLength = 0;
  /** The opcode of the message that its parts belong to. */
  #opcode: number | undefined;
  #isStopped = false;

  constructor(options: WebSocketReaderOptions) {
    this.#options = options;
  }

  /** Takes the next bytes. Throws a `WebSocketError`, after which nothing more is read. */
  handle(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isStopped; ) at = this.#take(chunk, at);
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#parts = [];
    this.#payload = undefined;
  }

  #fail(status: number, message: string): never {
    this.stop();
    throw new WebSocketError(status, message);
  }

  /** Returns the position after what was taken. */
  #take(chunk: Uint8Array, start: number): number {
    let at = start;
    if (this.#payload === undefined) {
      this.#head[this.#headLength] = chunk[at]!;
      this.#headLength += 1;
      at += 1;
      if (this.#headLength < 2 || this.#headLength < this.#wholeHead()) return at;
      this.#payload = new Uint8Array(this.#checkedLength());
      this.#filled = 0;
    }
    const payload = this.#payload;
    const part = chunk.subarray(at, at + payload.length - this.#filled);
    payload.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === payload.length) this.#finishFrame(payload);
    return at + part.length;
  }

  #wholeHead(): number {
    const second = this.#head[1]!;
    const short = second & 0x7f;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    return 2 + lengthBytes + ((second & MASKED) === 0 ? 0 : MASK_LENGTH);
  }

  /** The length of the frame whose head is complete, if it may come here. */
  #checkedLength(): number {
    const [first, second] = this.#head as unknown as [number, number];
    const opcode = first & 0x0f;
    const { protocolError, tooLarge } = WebSocketStatus;
    // §5.2: no extension was agreed on.
    if ((first & RESERVED) !== 0) this.#fail(protocolError, "a frame with reserved bits");
    if (((second & MASKED) !== 0) !== (this.#options.from === "client")) {
      this.#fail(protocolError, `a frame of a ${this.#options.from} that is ${second & MASKED ? "" : "not "}masked`);
    }
    let length = second & 0x7f;
    if (length >= 126) {
      const end = length === 126 ? 4 : 10;
      length = 0;
      for (let i = 2; i < end; i += 1) length = length * 256 + this.#head[i]!;
    }
    if (opcode >= Opcode.close) {
      // §5.5.
      if (length > MAX_CONTROL || (first & FIN) === 0) this.#fail(protocolError, "a control frame that is too long");
    } else if (this.#partsLength + length > this.#options.maxMessage) {
      this.#fail(tooLarge, `a message of more than ${this.#options.maxMessage} bytes`);
    }
    return length;
  }

  #finishFrame(payload: Uint8Array): void {
    const first = this.#head[0]!;
    const opcode = first & 0x0f;
    const mask = this.#head.subarray(this.#headLength - MASK_LENGTH, this.#headLength);
    const bytes = this.#options.from === "client" ? masked(payload, mask) : payload;
    this.#payload = undefined;
    this.#headLength = 0;
    switch (opcode) {
      case Opcode.text:
      case Opcode.binary:
      case Opcode.continuation:
        this.#finishPart(opcode, bytes, (first & FIN) !== 0);
        break;
      case Opcode.close:
        this.#handleClose(bytes);
        break;
      case Opcode.ping:
        this.#options.onPing(bytes);
        break;
      case Opcode.pong:
        break;
      default:
        this.#fail(WebSocketStatus.protocolError, `a frame with the opcode ${opcode}`);
    }
  }

  #finishPart(opcode: number, bytes: Uint8Array, isLast: boolean): void {
    const isFirst = opcode !== Opcode.continuation;
    // §5.4: frames of two messages are never mixed.
    if (isFirst === (this.#opcode !== undefined)) this.#fail(WebSocketStatus.protocolError, "a fragment out of order");
    if (isFirst) this.#opcode = opcode;
    // What an empty fragment takes counts too, so that there is an end of them.
    this.#partsLength += Math.max(1, bytes.length);
    this.#parts.push(bytes);
    if (this.#partsLength > this.#options.maxMessage && !isLast) {
      this.#fail(WebSocketStatus.tooLarge, "a message in too many fragments");
    }
    if (!isLast) return;
    const message = this.#parts.length === 1 ? bytes : concat(...this.#parts);
    const isText = this.#opcode === Opcode.text;
    this.#parts = [];
    this.#partsLength = 0;
    this.#opcode = undefined;
    this.#options.onMessage(message, isText);
  }

  #handleClose(payload: Uint8Array): void {
    const status = payload.length === 0 ? WebSocketStatus.none : (payload[0]! << 8) | (payload[1] ?? 0);
    // §7.4.
    const isValid = payload.length !== 1 && (payload.length === 0 || isStatus(status));
    if (!isValid) this.#fail(WebSocketStatus.protocolError, `a Close frame with the status ${status}`);
    this.stop();
    this.#options.onClose(status);
  }
}

const isStatus = (status: number): boolean =>
  (status >= 1000 && status <= 1014 && ![1004, 1005, 1006].includes(status)) || (status >= 3000 && status <= 4999);
