/** Errors of MoQ Transport: codes that end a session, and those of requests, subscriptions and streams (draft-ietf-moq-transport §14). */

import { defineErrors, type ErrorEntry, ProtocolError, WireError } from "../../base/errors.ts";

/** Codes with which a session is closed. */
export const SESSION_ERRORS = defineErrors({
  NO_ERROR: [0x0, "the session ends"],
  INTERNAL_ERROR: [0x1, "an internal error"],
  UNAUTHORIZED: [0x2, "not authorized"],
  PROTOCOL_VIOLATION: [0x3, "a violation of the protocol"],
  INVALID_REQUEST_ID: [0x4, "a request id of the wrong parity, or used before"],
  DUPLICATE_TRACK_ALIAS: [0x5, "a track alias that another track has"],
  KEY_VALUE_FORMATTING_ERROR: [0x6, "a malformed key-value pair"],
  TOO_MANY_REQUESTS: [0x7, "more requests than were allowed"],
  INVALID_PATH: [0x8, "a path that is not served"],
  MALFORMED_PATH: [0x9, "a malformed path"],
  GOAWAY_TIMEOUT: [0x10, "the session was not closed in time after GOAWAY"],
  CONTROL_MESSAGE_TIMEOUT: [0x11, "the peer was too slow to answer"],
  DATA_STREAM_TIMEOUT: [0x12, "the peer was too slow to read"],
  AUTH_TOKEN_CACHE_OVERFLOW: [0x13, "more tokens than were allowed"],
  DUPLICATE_AUTH_TOKEN_ALIAS: [0x14, "a token alias that is in use"],
  VERSION_NEGOTIATION_FAILED: [0x15, "no version in common"],
  MALFORMED_AUTH_TOKEN: [0x16, "a malformed token"],
  UNKNOWN_AUTH_TOKEN_ALIAS: [0x17, "a token alias that was not registered"],
  EXPIRED_AUTH_TOKEN: [0x18, "an expired token"],
  INVALID_AUTHORITY: [0x19, "an authority that is not served"],
  MALFORMED_AUTHORITY: [0x1a, "a malformed authority"],
  /** From draft 19 on. */
  TOO_MANY_REQUEST_UPDATES: [0x1b, "more unanswered updates than were allowed"],
});

/** Codes of REQUEST_ERROR, from draft 15 on. */
export const REQUEST_ERRORS = defineErrors({
  INTERNAL_ERROR: [0x0, "an internal error"],
  UNAUTHORIZED: [0x1, "not authorized"],
  TIMEOUT: [0x2, "no answer in time"],
  NOT_SUPPORTED: [0x3, "not supported"],
  MALFORMED_AUTH_TOKEN: [0x4, "a malformed token"],
  EXPIRED_AUTH_TOKEN: [0x5, "an expired token"],
  GOING_AWAY: [0x6, "the session is going away"],
  EXCESSIVE_LOAD: [0x9, "too much load"],
  DOES_NOT_EXIST: [0x10, "no such track or namespace"],
  INVALID_RANGE: [0x11, "a range that cannot be served"],
  MALFORMED_TRACK: [0x12, "a malformed track"],
  DUPLICATE_SUBSCRIPTION: [0x19, "the track is subscribed already"],
  UNINTERESTED: [0x20, "not interested"],
  PREFIX_OVERLAP: [0x30, "a prefix that overlaps with another request's"],
  NAMESPACE_TOO_LARGE: [0x31, "the namespace has too many members"],
  INVALID_JOINING_REQUEST_ID: [0x32, "no such subscription to join"],
  UNSUPPORTED_EXTENSION: [0x33, "a property that must be understood, and is not"],
  REDIRECT: [0x34, "served elsewhere"],
  /** From draft 19 on. */
  CONFLICTING_FILTERS: [0x35, "filters that exclude each other"],
  INVALID_FILTER: [0x36, "an invalid filter"],
});

/** Codes of PUBLISH_DONE, from draft 18 on. */
export const PUBLISH_DONE_CODES = defineErrors({
  INTERNAL_ERROR: [0x0, "an internal error"],
  UNAUTHORIZED: [0x1, "not authorized any more"],
  TRACK_ENDED: [0x2, "the track ended"],
  /** Up to draft 19. */
  SUBSCRIPTION_ENDED: [0x3, "the end of the subscription's range"],
  GOING_AWAY: [0x4, "the session is going away"],
  TOO_FAR_BEHIND: [0x5, "the subscriber reads too slowly"],
  EXPIRED: [0x6, "the subscription expired"],
  UPDATE_FAILED: [0x8, "an update failed"],
  EXCESSIVE_LOAD: [0x9, "too much load"],
  MALFORMED_TRACK: [0x12, "a malformed track"],
});

/** Codes with which streams are reset, from draft 18 on; in 16, 4 means an unknown status. */
export const STREAM_ERRORS = defineErrors({
  INTERNAL_ERROR: [0x0, "an internal error"],
  CANCELLED: [0x1, "cancelled"],
  DELIVERY_TIMEOUT: [0x2, "not delivered in time"],
  SESSION_CLOSED: [0x3, "the session was closed"],
  GOING_AWAY: [0x4, "the session is going away"],
  TOO_FAR_BEHIND: [0x5, "the subscriber reads too slowly"],
  UNKNOWN_OBJECT_STATUS: [0x6, "an object whose status is not known"],
  EXPIRED_AUTH_TOKEN: [0x7, "an expired token"],
  EXCESSIVE_LOAD: [0x9, "too much load"],
  MALFORMED_TRACK: [0x12, "a malformed track"],
});

/** Malformed input, or input that the protocol forbids; `code` is one of `SESSION_ERRORS`. */
export const moqError = (entry: ErrorEntry, where: string, detail?: string, cause?: unknown): ProtocolError =>
  new ProtocolError("application", entry, where, detail, cause === undefined ? undefined : { cause });

export const violation = (where: string, detail: string, cause?: unknown): ProtocolError =>
  moqError(SESSION_ERRORS.PROTOCOL_VIOLATION, where, detail, cause);

/** Runs `read`; what ends early is a violation. */
export function readWhole<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw violation(where, error.message, error);
  }
}
