/** The errors of WebTransport (W3C WebTransport §11). */

export interface WebTransportErrorOptions {
  /** What failed: one stream, or the session. */
  readonly source?: "stream" | "session";
  /** The code of the peer, or for the peer, from 0 to 2^32 - 1. */
  readonly streamErrorCode?: number | null;
}

/** A session or a stream that failed. */
export class WebTransportError extends DOMException {
  readonly source: "stream" | "session";
  readonly streamErrorCode: number | null;

  constructor(message = "", { source = "stream", streamErrorCode = null }: WebTransportErrorOptions = {}) {
    super(message, "WebTransportError");
    this.source = source;
    this.streamErrorCode = streamErrorCode;
  }
}

export const sessionError = (message: string): WebTransportError =>
  new WebTransportError(message, { source: "session" });

/** The code for the peer in a reason that the application gave; 0 if it has none (W3C WebTransport §6.4). */
export const codeIn = (reason: unknown): number =>
  reason instanceof WebTransportError ? (reason.streamErrorCode ?? 0) : 0;
