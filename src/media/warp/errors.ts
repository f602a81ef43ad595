/** A stream of Warp that cannot be read: it is refused, and the session goes on. */

/** Malformed input on one stream. */
export class WarpError extends Error {
  override readonly name = "WarpError";
  /** For STOP_SENDING. */
  readonly code = 1;

  constructor(reason: string, options?: { cause?: unknown }) {
    super(`Warp stream: ${reason}`, options);
  }
}
