/** A stream of the base draft, or of Warp, that cannot be read: it is refused, and the session goes on. */

import { WireError } from "../../base/errors.ts";

/** The code of STOP_SENDING for a malformed stream. */
export const MALFORMED_STREAM = 1;

/** Malformed input on one stream. */
export class BaseDraftError extends Error {
  override readonly name = "BaseDraftError";
  /** For STOP_SENDING. */
  readonly code = MALFORMED_STREAM;
  /** The message in which it is. */
  readonly where: string;

  constructor(where: string, reason: string, options?: { cause?: unknown }) {
    super(`${where}: ${reason}`, options);
    this.where = where;
  }
}

/** Runs `read`; what ends early is a `BaseDraftError`. */
export function readOrFail<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new BaseDraftError(where, error.message, { cause: error });
  }
}
