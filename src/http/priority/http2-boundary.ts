/** Where another frame may go into what one side of HTTP/2 sends. */

import { HTTP2_HEADER_LENGTH, HTTP2_PREFACE_LENGTH } from "./http2-wire.ts";

/** RFC 9113 §6.2, §6.10 */
const HEADERS = 0x1;
const CONTINUATION = 0x9;
const END_HEADERS = 0x4;

/** Follows the frames that a side sends, in pieces of any size. */
export class Http2Boundary {
  readonly #header = new Uint8Array(HTTP2_HEADER_LENGTH);
  #headerLength = 0;
  /** Bytes that are left of the preface or of a frame. */
  #left: number;
  #isInFields = false;
  #hasSettings = false;

  constructor(side: "client" | "server" = "client") {
    this.#left = side === "client" ? HTTP2_PREFACE_LENGTH : 0;
  }

  /** True after a whole frame, if the next one need not be CONTINUATION. RFC 9113 §3.4: SETTINGS are the first. */
  get isOpen(): boolean {
    return this.#hasSettings && this.#left === 0 && this.#headerLength === 0 && !this.#isInFields;
  }

  handle(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, bytes.length - at);
        this.#left -= count;
        at += count;
        continue;
      }
      this.#header[this.#headerLength] = bytes[at]!;
      this.#headerLength += 1;
      at += 1;
      if (this.#headerLength === HTTP2_HEADER_LENGTH) this.#begin();
    }
  }

  #begin(): void {
    const [high, middle, low, type, flags] = this.#header as Uint8Array & [number, number, number, number, number];
    this.#headerLength = 0;
    this.#left = (high << 16) | (middle << 8) | low;
    this.#hasSettings = true;
    if (type === HEADERS || type === CONTINUATION) this.#isInFields = (flags & END_HEADERS) === 0; // RFC 9113 §4.3
  }
}
