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

  /** Takes one object too, with `message` in it, as Chromium's class does. */
  constructor(message?: string, options?: WebTransportErrorOptions);
  constructor(options: WebTransportErrorOptions & { readonly message?: string });
  constructor(
    given: string | (WebTransportErrorOptions & { readonly message?: string }) = "",
    options: WebTransportErrorOptions = {},
  ) {
    const {
      message = "",
      source = "stream",
      streamErrorCode = null,
    } = typeof given === "object" ? given : { message: given, ...options };
    super(message, "WebTransportError");
    this.source = source;
    this.streamErrorCode = streamErrorCode;
  }
}

export const sessionError = (message: string): WebTransportError =>
  new WebTransportError(message, { source: "session" });

/** The code for the peer in a reason that the application gave, of our class or of a browser's; 0 if it has none (W3C WebTransport §6.4). */
export function codeIn(reason: unknown): number {
  const code = (reason as { readonly streamErrorCode?: unknown } | null | undefined)?.streamErrorCode;
  return typeof code === "number" ? code >>> 0 : 0;
}
