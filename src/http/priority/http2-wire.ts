/** Numbers of HTTP/2 (RFC 9113). */

/** §3.4: what a client sends first. */
export const HTTP2_PREFACE_LENGTH = 24;
/** §4.1 */
export const HTTP2_HEADER_LENGTH = 9;

/** §7 */
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
