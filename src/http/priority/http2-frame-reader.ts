/** Finds some frames in one side of an HTTP/2 connection, and skips the others. */

import { HTTP2_HEADER_LENGTH } from "./http2-wire.ts";

/** A frame's header (RFC 9113 §4.1). */
export interface Http2FrameHeader {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Reads one side of a connection, in pieces of any size. */
export class Http2FrameReader {
  readonly #wants: (header: Http2FrameHeader) => boolean;
  readonly #onFrame: (header: Http2FrameHeader, payload: Uint8Array) => void;
  readonly #bytes = new Uint8Array(HTTP2_HEADER_LENGTH);
  #headerLength = 0;
  /** Bytes to skip. */
  #skip: number;
  #header!: Http2FrameHeader;
  /** The payload of a frame that is wanted, as far as it has arrived. */
  #payload: Uint8Array | undefined;
  #filled = 0;

  /** Skips a preface first. `wants` bounds the length of what is kept; both functions may throw. */
  constructor(
    preface: number,
    wants: (header: Http2FrameHeader) => boolean,
    onFrame: (header: Http2FrameHeader, payload: Uint8Array) => void,
  ) {
    this.#skip = preface;
    this.#wants = wants;
    this.#onFrame = onFrame;
  }

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
        this.#bytes.set(bytes.subarray(at, at + count), this.#headerLength);
        this.#headerLength += count;
        at += count;
        if (this.#headerLength === HTTP2_HEADER_LENGTH) this.#begin();
      }
    }
  }

  #begin(): void {
    this.#headerLength = 0;
    const [high, middle, low, type, flags] = this.#bytes as Uint8Array & [number, number, number, number, number];
    const length = (high << 16) | (middle << 8) | low;
    this.#header = { length, type, flags, stream: uint31(this.#bytes, 5) };
    if (!this.#wants(this.#header)) {
      this.#skip = length;
      return;
    }
    const payload = new Uint8Array(length);
    this.#filled = 0;
    if (length === 0) this.#finish(payload);
    else this.#payload = payload;
  }

  #finish(payload: Uint8Array): void {
    this.#payload = undefined;
    this.#onFrame(this.#header, payload);
  }
}

/** Without the reserved bit. */
export const uint31 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
