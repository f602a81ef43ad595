/** Errors with Node's codes. */

export type CodedError = Error & { code: string };

function coded<E extends Error>(error: E, code: string): E & CodedError {
  return Object.assign(error, { code });
}

/** Node's error for a `req` whose client has disconnected. */
export const connectionReset = (cause?: unknown): CodedError =>
  coded(new Error("aborted", cause === undefined ? undefined : { cause }), "ECONNRESET");

export const trailerInvalid = (): CodedError =>
  coded(new Error("Trailers are invalid with this transfer encoding"), "ERR_HTTP_TRAILER_INVALID");

export const invalidStatus = (status: number): CodedError =>
  coded(new RangeError(`Invalid status code: ${status}`), "ERR_HTTP_INVALID_STATUS_CODE");

export const invalidHeaders = (): CodedError =>
  coded(new TypeError("The argument 'headers' must hold names and values in turn"), "ERR_INVALID_ARG_VALUE");

export const destroyed = (): CodedError =>
  coded(new Error("Cannot call write after a stream was destroyed"), "ERR_STREAM_DESTROYED");
