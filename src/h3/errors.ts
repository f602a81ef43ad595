/** HTTP/3's errors (RFC 9114 §8.1). An error of a single request ends its stream; all others end the connection. */

import { defineErrors, ProtocolError } from "../base/errors.ts";
import type { Refusal } from "../http/index.ts";

export const H3_ERRORS = defineErrors({
  H3_NO_ERROR: [0x100, "no error"],
  H3_GENERAL_PROTOCOL_ERROR: [0x101, "the peer violated the protocol"],
  H3_INTERNAL_ERROR: [0x102, "an internal error"],
  H3_STREAM_CREATION_ERROR: [0x103, "a stream of a type that must not be opened"],
  H3_CLOSED_CRITICAL_STREAM: [0x104, "a critical stream was closed"],
  H3_FRAME_UNEXPECTED: [0x105, "a frame that is not allowed here"],
  H3_FRAME_ERROR: [0x106, "a frame of the wrong size or layout"],
  H3_EXCESSIVE_LOAD: [0x107, "the peer causes excessive load"],
  H3_ID_ERROR: [0x108, "an invalid stream or push id"],
  H3_SETTINGS_ERROR: [0x109, "an invalid setting or value of a setting"],
  H3_MISSING_SETTINGS: [0x10a, "the control stream did not start with SETTINGS"],
  H3_REQUEST_REJECTED: [0x10b, "the request was not processed and may be retried"],
  H3_REQUEST_CANCELLED: [0x10c, "the request or its response is no longer needed"],
  H3_REQUEST_INCOMPLETE: [0x10d, "the stream ended before the request was complete"],
  H3_MESSAGE_ERROR: [0x10e, "the message is malformed"],
  H3_CONNECT_ERROR: [0x10f, "the connection to CONNECT's target was reset or closed"],
  H3_DATAGRAM_ERROR: [0x33, "an HTTP datagram that is malformed or must not be sent here"],
  H3_VERSION_FALLBACK: [0x110, "the request must be retried over HTTP/1.1"],
});

export type H3ErrorName = keyof typeof H3_ERRORS;

/** An error that ends the connection. */
export const connectionError = (name: H3ErrorName, where: string, detail?: string): ProtocolError =>
  new ProtocolError("http", H3_ERRORS[name], where, detail);

/** An error that ends only one request stream (RFC 9114 §8). Thrown and caught within this folder. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: number;

  constructor(error: H3ErrorName, detail: string) {
    super(detail);
    this.code = H3_ERRORS[error].code;
  }
}

/** A well-formed request that must not be served and is answered with a status (RFC 9114 §4.1.2). */
export class RefusedRequest extends Error {
  override readonly name = "RefusedRequest";
  readonly status: number;

  constructor({ status, reason }: Refusal) {
    super(reason);
    this.status = status;
  }
}

/** RFC 9114 §4.1.2 */
export const malformed = (detail: string): StreamError => new StreamError("H3_MESSAGE_ERROR", detail);

/** The caller tried to send an invalid message. Nothing was written. */
export class InvalidMessageError extends TypeError {
  override readonly name = "InvalidMessageError";
  readonly code: "ERR_H3_INVALID_MESSAGE" | "ERR_H3_FIELD_SECTION_TOO_LARGE";

  constructor(detail: string, code: InvalidMessageError["code"] = "ERR_H3_INVALID_MESSAGE") {
    super(detail);
    this.code = code;
  }
}
