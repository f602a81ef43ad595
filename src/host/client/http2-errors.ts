// Why an HTTP/2 exchange or connection ended: distinguishes the peer's error codes (RFC 9113 §7) from Node's own
// errors.
import { constants } from "node:http2";
import { asClientError, ClientError } from "./errors.ts";

export function explain(code: number | undefined, cause: Error | undefined, isConnection: boolean): ClientError {
  if (isLocal(cause)) return asClientError(cause, "PROTOCOL_ERROR", "the exchange failed locally");
  if (isConnection && cause !== undefined) {
    return new ClientError("CONNECTION_LOST", "the server closed the connection before the response was complete", {
      cause,
    });
  }
  // Node itself resets a stream with this code if a response has too many fields.
  const isOurs = code === constants.NGHTTP2_ENHANCE_YOUR_CALM;
  if (isOurs) {
    const message = "the stream was reset (ENHANCE_YOUR_CALM): too many requests, or too large a response head";
    return new ClientError("CONNECTION_LOST", message, { cause });
  }
  if (code === undefined || (isConnection && code === constants.NGHTTP2_CANCEL)) {
    return new ClientError("CONNECTION_LOST", "the server closed the connection before the response was complete", {
      cause,
    });
  }
  const name = errorNames.get(code) ?? `0x${code.toString(16)}`;
  return new ClientError("CONNECTION_LOST", `the server reset the stream (${name})`, { cause });
}

/** True for an error that Node raised itself; the peer's errors arrive as codes. */
export function isLocal(error: Error | undefined): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && code.startsWith("ERR_HTTP2_") && !PEER_ERRORS.has(code);
}

const PEER_ERRORS = new Set(["ERR_HTTP2_STREAM_ERROR", "ERR_HTTP2_SESSION_ERROR", "ERR_HTTP2_STREAM_CANCEL"]);

/** True if the connection takes no more requests and the request itself is valid. */
export const isSpent = (error: unknown): boolean => SPENT.has((error as { code?: string }).code ?? "");

const SPENT = new Set(["ERR_HTTP2_GOAWAY_SESSION", "ERR_HTTP2_INVALID_SESSION", "ERR_HTTP2_OUT_OF_STREAMS"]);

export const requestError = (error: unknown): ClientError =>
  isSpent(error)
    ? asClientError(error, "CONNECTION_LOST", "the connection takes no more requests")
    : asClientError(error, "REQUEST_INVALID", "the request cannot be sent");

/** RFC 9113 §7, from Node's table of constants. */
const errorNames = new Map(
  [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
  ]
    .concat([
      "REFUSED_STREAM",
      "CANCEL",
      "COMPRESSION_ERROR",
      "CONNECT_ERROR",
      "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY",
    ])
    .concat(["HTTP_1_1_REQUIRED"])
    .map((name) => [(constants as unknown as Record<string, number>)[`NGHTTP2_${name}`], name] as const),
);
