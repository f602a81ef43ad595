/** The relay's reasons as codes of MoQ Transport, and back. */

import { PUBLISH_DONE_CODES, REQUEST_ERRORS, STREAM_ERRORS } from "../../moq/errors.ts";
import type { RequestErrorMessage } from "../../moq/messages.ts";
import type { Refusal, RefusalReason, TrackEnd } from "../model.ts";

const REFUSALS: Readonly<Record<RefusalReason, number>> = {
  "does-not-exist": REQUEST_ERRORS.DOES_NOT_EXIST.code,
  unauthorized: REQUEST_ERRORS.UNAUTHORIZED.code,
  "expired-token": REQUEST_ERRORS.EXPIRED_AUTH_TOKEN.code,
  "malformed-token": REQUEST_ERRORS.MALFORMED_AUTH_TOKEN.code,
  timeout: REQUEST_ERRORS.TIMEOUT.code,
  "not-supported": REQUEST_ERRORS.NOT_SUPPORTED.code,
  "invalid-range": REQUEST_ERRORS.INVALID_RANGE.code,
  "too-much-load": REQUEST_ERRORS.EXCESSIVE_LOAD.code,
  "going-away": REQUEST_ERRORS.GOING_AWAY.code,
  overlap: REQUEST_ERRORS.PREFIX_OVERLAP.code,
  internal: REQUEST_ERRORS.INTERNAL_ERROR.code,
};

const ENDS: Readonly<Record<TrackEnd, number>> = {
  "track-ended": PUBLISH_DONE_CODES.TRACK_ENDED.code,
  "range-ended": PUBLISH_DONE_CODES.SUBSCRIPTION_ENDED.code,
  "going-away": PUBLISH_DONE_CODES.GOING_AWAY.code,
  "too-far-behind": PUBLISH_DONE_CODES.TOO_FAR_BEHIND.code,
  expired: PUBLISH_DONE_CODES.EXPIRED.code,
  unauthorized: PUBLISH_DONE_CODES.UNAUTHORIZED.code,
  malformed: PUBLISH_DONE_CODES.MALFORMED_TRACK.code,
  internal: PUBLISH_DONE_CODES.INTERNAL_ERROR.code,
  lost: PUBLISH_DONE_CODES.TRACK_ENDED.code,
};

/** REQUEST_ERROR. Whether it is worth to try again is not known, but for load. */
export const refusalMessage = ({ reason, message }: Refusal): RequestErrorMessage => ({
  type: "request-error",
  code: REFUSALS[reason],
  reason: message,
  ...(reason === "too-much-load" ? { retryAfter: 1_000 } : {}),
});

export function refusalOf({ code, reason }: RequestErrorMessage): Refusal {
  const found = (Object.keys(REFUSALS) as RefusalReason[]).find((each) => REFUSALS[each] === code);
  return { reason: found ?? "internal", message: reason };
}

/** The status of PUBLISH_DONE. */
export const statusOf = (end: TrackEnd): number => ENDS[end];

/** Ends that a publisher decides about end the track; others may pass. */
export function endOf(status: number): TrackEnd {
  if (status === ENDS["track-ended"]) return "track-ended";
  return status === ENDS.malformed ? "malformed" : "lost";
}

/** The code with which a stream to a viewer is reset. */
export const RESETS = {
  late: STREAM_ERRORS.DELIVERY_TIMEOUT.code,
  lost: STREAM_ERRORS.INTERNAL_ERROR.code,
  cancelled: STREAM_ERRORS.CANCELLED.code,
} as const;
