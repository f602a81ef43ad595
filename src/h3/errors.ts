/** HTTP/3's errors (RFC 9114 §8.1). One that concerns a single request ends its stream, all others the connection. */

import { defineErrors, ProtocolError } from "../base/errors.ts";
import type { Refusal } from "../http/index.ts";

export const H3_ERRORS = defineErrors({
  H3_NO_ERROR: [0x100, "nothing is wrong"],
  H3_GENERAL_PROTOCOL_ERROR: [0x101, "the peer broke the protocol"],
  H3_INTERNAL_ERROR: [0x102, "something failed on this side"],
  H3_STREAM_CREATION_ERROR: [0x103, "a stream of a kind that may not be opened"],
  H3_CLOSED_CRITICAL_STREAM: [0x104, "a stream that the connection needs was closed"],
  H3_FRAME_UNEXPECTED: [0x105, "a frame where it may not be"],
  H3_FRAME_ERROR: [0x106, "a frame of the wrong size or layout"],
  H3_EXCESSIVE_LOAD: [0x107, "the peer makes more work than is reasonable"],
  H3_ID_ERROR: [0x108, "a stream or push id that may not be used"],
  H3_SETTINGS_ERROR: [0x109, "a setting that may not be, or has a value that may not be"],
  H3_MISSING_SETTINGS: [0x10a, "the control stream did not begin with SETTINGS"],
  H3_REQUEST_REJECTED: [0x10b, "the request was not processed at all and may be sent again"],
  H3_REQUEST_CANCELLED: [0x10c, "the request or its response is not wanted any more"],
  H3_REQUEST_INCOMPLETE: [0x10d, "the request's stream ended before the request"],
  H3_MESSAGE_ERROR: [0x10e, "the message is malformed"],
  H3_CONNECT_ERROR: [0x10f, "the connection made for CONNECT was reset or closed"],
  H3_VERSION_FALLBACK: [0x110, "the request has to be repeated over HTTP/1.1"],
});

export type H3ErrorName = keyof typeof H3_ERRORS;

/** What ends the connection. */
export const connectionError = (name: H3ErrorName, where: string, detail?: string): ProtocolError =>
  new ProtocolError("http", H3_ERRORS[name], where, detail);

/** What ends one request stream and nothing else (RFC 9114 §8). Thrown and caught inside this folder. */
export class StreamError extends Error {
  override readonly name = "StreamError";
  readonly code: number;

  constructor(error: H3ErrorName, detail: string) {
    super(detail);
    this.code = H3_ERRORS[error].code;
  }
}

/** A well-formed request that may not be served: it is answered with a status (RFC 9114 §4.1.2). */
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

/** A command was given a message that may not be sent. The fault is the caller's, and nothing was written. */
export class InvalidMessageError extends TypeError {
  override readonly name = "InvalidMessageError";
  readonly code: "ERR_H3_INVALID_MESSAGE" | "ERR_H3_FIELD_SECTION_TOO_LARGE";

  constructor(detail: string, code: InvalidMessageError["code"] = "ERR_H3_INVALID_MESSAGE") {
    super(detail);
    this.code = code;
  }
}
