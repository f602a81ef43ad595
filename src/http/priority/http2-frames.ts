/** PRIORITY_UPDATE in HTTP/2 (RFC 9218 §7.1): finds the frames in what a client sends, whose other frames it skips; writes one. */

import { fromLatin1, utf8 } from "../../wire/text.ts";

/** RFC 9113 §3.4: what a client sends first. */
export const HTTP2_PREFACE_LENGTH = 24;
export const HTTP2_HEADER_LENGTH = 9;
export const PRIORITY_UPDATE = 0x10;
/** RFC 9218 §2.1 */
export const SETTINGS_NO_RFC7540_PRIORITIES = 0x9;
/** Bytes of the longest frame that is read. Browsers send 10. */
const MAX_LENGTH = 1024;

/** RFC 9113 §7 */
export const HTTP2_PROTOCOL_ERROR = 0x1;
export const HTTP2_FRAME_SIZE_ERROR = 0x6;
export const HTTP2_ENHANCE_YOUR_CALM = 0xb;

/** A frame that ends the connection. */
export class Http2FrameError extends Error {
  override readonly name = "Http2FrameError";
  /** RFC 9113 §7. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads a client's side of an HTTP/2 connection, in pieces of any size. */
export class PriorityUpdateReader {
  readonly #onUpdate: (id: number, value: string) => void;
  readonly #header = new Uint8Array(HTTP2_HEADER_LENGTH);
  #headerLength = 0;
  /** Bytes to skip. */
  #skip = HTTP2_PREFACE_LENGTH;
  /** The payload of a PRIORITY_UPDATE frame, as far as it has arrived. */
  #payload: Uint8Array | undefined;
  #filled = 0;

  /** `onUpdate` gets the id of a request and the field's value. */
  constructor(onUpdate: (id: number, value: string) => void) {
    this.#onUpdate = onUpdate;
  }

  /** Throws an Http2FrameError for a frame that ends the connection. */
  read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at);
        this.#skip -= count;
        at += count;
      } else if (this.#payload !== undefined) {
        const count = Math.min(this.#payload.length - this.#filled, bytes.length - at);
        this.#payload.set(bytes.subarray(at, at + count), this.#filled);
        this.#filled += count;
        at += count;
        if (this.#filled === this.#payload.length) this.#finish(this.#payload);
      } else {
        const count = Math.min(HTTP2_HEADER_LENGTH - this.#headerLength, bytes.length - at);
        this.#header.set(bytes.subarray(at, at + count), this.#headerLength);
        this.#headerLength += count;
        at += count;
        if (this.#headerLength === HTTP2_HEADER_LENGTH) this.#begin();
      }
    }
  }

  #begin(): void {
    this.#headerLength = 0;
    const header = this.#header;
    const length = (header[0]! << 16) | (header[1]! << 8) | header[2]!;
    if (header[3] !== PRIORITY_UPDATE) {
      this.#skip = length;
      return;
    }
    // RFC 9218 §7.1
    if (uint31(header, 5) !== 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE on a stream");
    if (length < 4) throw new Http2FrameError(HTTP2_FRAME_SIZE_ERROR, `PRIORITY_UPDATE of ${length} bytes`);
    if (length > MAX_LENGTH) throw new Http2FrameError(HTTP2_ENHANCE_YOUR_CALM, `PRIORITY_UPDATE of ${length} bytes`);
    this.#payload = new Uint8Array(length);
    this.#filled = 0;
  }

  #finish(payload: Uint8Array): void {
    this.#payload = undefined;
    const id = uint31(payload, 0);
    if (id === 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, "PRIORITY_UPDATE of stream 0");
    // We never push, so such a stream is idle.
    if (id % 2 === 0) throw new Http2FrameError(HTTP2_PROTOCOL_ERROR, `PRIORITY_UPDATE of push ${id}`);
    this.#onUpdate(id, fromLatin1(payload, 4));
  }
}

/** Without the reserved bit. */
const uint31 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

/** The frame that tells the priority of a request's stream: of ASCII, as `emitPriority` writes it. */
export function emitPriorityUpdate(id: number, value: string): Uint8Array {
  const text = utf8(value);
  const frame = new Uint8Array(HTTP2_HEADER_LENGTH + 4 + text.length);
  const view = new DataView(frame.buffer);
  view.setUint8(2, 4 + text.length);
  view.setUint8(3, PRIORITY_UPDATE);
  view.setUint32(HTTP2_HEADER_LENGTH, id); // RFC 9218 §7.1: on stream 0, without flags
  frame.set(text, HTTP2_HEADER_LENGTH + 4);
  return frame;
}
