// The client's errors in undici's terms: the codes that callers and the retry interceptor look for, with the client's
// error as the cause.
import { ClientError, type ClientErrorCode } from "../host/client/errors.ts";
import { undiciErrors } from "../host/client/undici.ts";

/**
 * Failures to connect. undici passes on Node's errors, so the code is that of the system, of OpenSSL or of Node; these
 * are used over QUIC, where there may be none.
 */
const CONNECT_CODES: Partial<Record<ClientErrorCode, string>> = {
  NAME_NOT_FOUND: "ENOTFOUND",
  CONNECTION_REFUSED: "ECONNREFUSED",
  CONNECTION_FAILED: "UND_ERR_SOCKET",
  TLS_FAILED: "EPROTO",
  CERTIFICATE_EXPIRED: "CERT_HAS_EXPIRED",
  CERTIFICATE_NOT_YET_VALID: "CERT_NOT_YET_VALID",
  CERTIFICATE_WRONG_NAME: "ERR_TLS_CERT_ALTNAME_INVALID",
  CERTIFICATE_UNKNOWN_AUTHORITY: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  CERTIFICATE_INVALID: "CERT_REJECTED",
};

/** `headSeen`: the response's head has arrived. */
export function undiciError(error: unknown, headSeen: boolean): Error {
  if (!(error instanceof ClientError)) return error instanceof Error ? error : new Error(String(error));
  const { code, message, cause } = error;
  // undici passes on an error of the request's body unchanged.
  if (code === "REQUEST_BODY_FAILED" && cause instanceof Error) return cause;
  const connectCode = CONNECT_CODES[code];
  if (connectCode !== undefined) {
    return withCause(Object.assign(new Error(message), { code: codeOf(cause) ?? connectCode }), error);
  }
  return withCause(create(error, headSeen), error);
}

function create({ code, message, cause }: ClientError, headSeen: boolean): Error {
  switch (code) {
    case "CONNECT_TIMEOUT":
      return new undiciErrors.ConnectTimeoutError(message);
    case "RESPONSE_TIMEOUT":
      return headSeen ? new undiciErrors.BodyTimeoutError(message) : new undiciErrors.HeadersTimeoutError(message);
    case "RESPONSE_INCOMPLETE":
      return new undiciErrors.ResponseContentLengthMismatchError(message);
    case "REQUEST_INVALID":
      return new undiciErrors.InvalidArgumentError(message);
    case "PROTOCOL_UNAVAILABLE":
      return new undiciErrors.NotSupportedError(message);
    case "CLIENT_CLOSED":
      return new undiciErrors.ClientClosedError(message);
    case "PROTOCOL_ERROR":
      if (codeOf(cause) === "UND_ERR_HEADERS_OVERFLOW") return new undiciErrors.HeadersOverflowError(message);
      // As undici has for HTTP/2. Not UND_ERR_SOCKET, for which the interceptor retry asks the same server again.
      return new undiciErrors.InformationalError(message);
    default:
      return new undiciErrors.SocketError(message);
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

function withCause(error: Error, cause: Error): Error {
  error.cause = cause;
  return error;
}
