/** Why a session ended, and the capsules that say so (draft-ietf-webtrans-http3 §6). */

import { concat, fromStrictUtf8, fromUtf8, utf8 } from "../wire/text.ts";
import { MAX_APPLICATION_CODE } from "./error-codes.ts";

export const WebTransportCapsule = {
  /** CLOSE_WEBTRANSPORT_SESSION: a code and a reason. */
  CLOSE: 0x2843,
  /** DRAIN_WEBTRANSPORT_SESSION: the peer would like the session to end soon. */
  DRAIN: 0x78ae,
} as const;

export interface CloseInfo {
  /** 0 to 2^32 - 1. */
  readonly closeCode: number;
  /** At most 1,024 bytes as UTF-8. */
  readonly reason: string;
}

/** The end of a session without a capsule (§6 of the draft). */
export const PLAIN_CLOSE: CloseInfo = { closeCode: 0, reason: "" };

export const MAX_REASON = 1024;
export const MAX_CLOSE_LENGTH = 4 + MAX_REASON;

/** What an application gives, as it can be sent: a longer reason is cut at the end of a character. */
export function sendableInfo({ closeCode, reason }: CloseInfo): CloseInfo {
  if (!Number.isInteger(closeCode) || closeCode < 0 || closeCode > MAX_APPLICATION_CODE) {
    throw new RangeError(`${closeCode} is not a close code: it must be an integer from 0 to 2^32 - 1`);
  }
  const bytes = utf8(reason);
  if (bytes.length <= MAX_REASON) return { closeCode, reason };
  let end = MAX_REASON;
  // The bytes 0x80 to 0xbf continue a character (RFC 3629 §3).
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return { closeCode, reason: fromUtf8(bytes.subarray(0, end)) };
}

/** The value of a CLOSE capsule. */
export function closeValue({ closeCode, reason }: CloseInfo): Uint8Array {
  const code = new Uint8Array([closeCode >>> 24, closeCode >>> 16, closeCode >>> 8, closeCode]);
  return concat(code, utf8(reason));
}

/** Returns what is wrong with the value of a CLOSE capsule, if anything: the message is then malformed. */
export function parseClose(value: Uint8Array): CloseInfo | string {
  if (value.length < 4) return `a CLOSE capsule of ${value.length} bytes`;
  if (value.length > MAX_CLOSE_LENGTH) return `a close reason of ${value.length - 4} bytes`;
  const closeCode = ((value[0]! << 24) | (value[1]! << 16) | (value[2]! << 8) | value[3]!) >>> 0;
  const reason = fromStrictUtf8(value.subarray(4));
  return reason === undefined ? "a close reason that is not UTF-8" : { closeCode, reason };
}
