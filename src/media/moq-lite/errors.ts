/** Codes of moq-lite, as moq-dev's implementations use them: the draft leaves them open. One space for sessions and streams. */

import { defineErrors, ProtocolError, WireError } from "../../base/errors.ts";

/** Codes with which sessions are closed and streams reset. */
export const LITE_ERRORS = defineErrors({
  CANCELLED: [0, "cancelled"],
  OLD: [2, "too old"],
  TIMEOUT: [3, "no answer in time"],
  MALFORMED: [5, "a malformed message"],
  UNAUTHORIZED: [6, "not authorized"],
  UNEXPECTED_STREAM: [10, "a stream of an unknown type"],
  NOT_FOUND: [13, "no such broadcast or track"],
  PROTOCOL_VIOLATION: [15, "a violation of the protocol"],
  UNSUPPORTED: [17, "not supported"],
});

/** Input that closes the session; `code` is one of `LITE_ERRORS`. */
export const liteError = (where: string, detail: string, cause?: unknown): ProtocolError =>
  new ProtocolError(
    "application",
    LITE_ERRORS.PROTOCOL_VIOLATION,
    where,
    detail,
    cause === undefined ? undefined : { cause },
  );

/** Runs `read`; what ends early is malformed. */
export function readLite<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) throw liteError(where, error.message, error);
    throw error;
  }
}
