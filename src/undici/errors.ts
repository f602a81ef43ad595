// The client's errors in undici's terms: the codes that callers and the retry interceptor look for, with the client's
// error as the cause.
import { ClientError, type ClientErrorCode } from "../host/client/errors.ts";
import { undiciErrors } from "../host/client/undici.ts";

/** The codes of Node's own errors, where the client's error has no system error as its cause. */
const SYSTEM_CODES: Partial<Record<ClientErrorCode, string>> = {
  NAME_NOT_FOUND: "ENOTFOUND",
  CONNECTION_REFUSED: "ECONNREFUSED",
  CERTIFICATE_EXPIRED: "CERT_HAS_EXPIRED",
  CERTIFICATE_NOT_YET_VALID: "CERT_NOT_YET_VALID",
  CERTIFICATE_WRONG_NAME: "ERR_TLS_CERT_ALTNAME_INVALID",
  CERTIFICATE_UNKNOWN_AUTHORITY: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
};

/** `headSeen`: the response's head has arrived. */
export function undiciError(error: unknown, headSeen: boolean): Error {
  if (!(error instanceof ClientError)) return error instanceof Error ? error : new Error(String(error));
  const { code, message } = error;
  // undici passes on an error of the request's body unchanged.
  if (code === "REQUEST_BODY_FAILED" && error.cause instanceof Error) return error.cause;
  const systemCode = SYSTEM_CODES[code];
  if (systemCode !== undefined) return withCause(Object.assign(new Error(message), { code: systemCode }), error);
  return withCause(create(code, message, headSeen), error);
}

function create(code: ClientErrorCode, message: string, headSeen: boolean): Error {
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
    default:
      return new undiciErrors.SocketError(message);
  }
}

function withCause(error: Error, cause: Error): Error {
  error.cause = cause;
  return error;
}
