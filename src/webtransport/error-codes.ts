/**
 * The error codes of an application in those of HTTP/3 (draft-ietf-webtrans-http3 §4.4): a range of 2^32 codes, from which
 * the reserved ones of RFC 9114 §8.1 are left out.
 */

import type { VarInt } from "../wire/varint.ts";

const FIRST = 0x52e4a40fa8db;
const LAST = 0x52e5ac983162;

/** The codes of HTTP/3 that WebTransport adds (§8.5 of the draft). */
export const WT_ERRORS = {
  /** Streams or datagrams that came before their session, and for which there is no room. */
  WT_BUFFERED_STREAM_REJECTED: 0x3994bd84,
  /** The session of the stream has ended. */
  WT_SESSION_GONE: 0x170d7b68,
  /** More streams or bytes of a session than were allowed, or a limit that does not grow. */
  WT_FLOW_CONTROL_ERROR: 0x045d4487,
} as const;

/** The largest code of an application. */
export const MAX_APPLICATION_CODE = 0xffff_ffff;

export function toHttpCode(code: number): number {
  return FIRST + code + Math.floor(code / 30);
}

/** Undefined if the code is not one of an application. */
export function fromHttpCode(code: VarInt): number | undefined {
  if (typeof code !== "number" || code < FIRST || code > LAST) return undefined;
  // RFC 9114 §8.1: codes of the form 0x1f × n + 0x21 are reserved.
  if ((code - 0x21) % 0x1f === 0) return undefined;
  const shifted = code - FIRST;
  return shifted - Math.floor(shifted / 31);
}
