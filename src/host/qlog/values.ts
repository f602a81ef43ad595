/** Values as qlog writes them (draft-ietf-quic-qlog-main-schema §3, RFC 7493). */

import { errorName } from "../../base/errors.ts";
import { H3_ERRORS } from "../../h3/errors.ts";
import { TRANSPORT_ERRORS } from "../../quic/errors.ts";
import { CRYPTO_ERROR } from "../../tls/alerts.ts";
import type { VarInt } from "../../wire/varint.ts";

export type QlogObject = Readonly<Record<string, unknown>>;

/** I-JSON has no integers above 2^53-1: those are decimal strings. */
export function integer(value: VarInt): number | string {
  if (typeof value !== "number") return String((BigInt(value.high) << 32n) | BigInt(value.low));
  // A limit of streams may be 2^60 (RFC 9000 §4.6).
  return Number.isSafeInteger(value) ? value : String(BigInt(value));
}

export const versionHex = (version: number): string => version.toString(16).padStart(8, "0");

/** Microseconds as milliseconds. */
export const milliseconds = (span: number): number => span / 1_000;

/** The name of an error, or "unknown" with its code. */
export interface NamedError {
  readonly error: string;
  readonly error_code?: number | string;
}

const unknownError = (code: VarInt): NamedError => ({ error: "unknown", error_code: integer(code) });

export function transportErrorOf(code: VarInt): NamedError {
  if (typeof code !== "number") return unknownError(code);
  if (code >= CRYPTO_ERROR && code <= CRYPTO_ERROR + 0xff) return { error: `crypto_error_0x${code.toString(16)}` };
  const name = errorName(TRANSPORT_ERRORS, code)?.toLowerCase();
  // The schema does not have the error of RFC 9368 yet.
  return name === undefined || name === "version_negotiation_error" ? unknownError(code) : { error: name };
}

/** The names of HTTP/3's errors in qlog begin with "http", and some differ. */
const H3_NAMES: Readonly<Record<string, string | undefined>> = {
  H3_MESSAGE_ERROR: undefined,
  H3_DATAGRAM_ERROR: undefined,
};

/** An error code of the application; only HTTP/3's have names. */
export function applicationErrorOf(code: VarInt, isHttp3: boolean): NamedError {
  if (!isHttp3 || typeof code !== "number") return unknownError(code);
  const name = errorName(H3_ERRORS, code);
  if (name === undefined || name in H3_NAMES) return unknownError(code);
  return { error: name.toLowerCase().replace("h3_", "http_") };
}
