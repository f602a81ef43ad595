// Every way a request can fail, as stable codes. A ClientError is a TypeError because that is what fetch promises its callers.

import { printable } from "../../wire/printable.ts";

/** Code, and the sentence for its family. */
export const CLIENT_ERRORS = {
  NAME_NOT_FOUND: "the host name has no address",
  CONNECTION_REFUSED: "nothing listens at that address and port",
  CONNECTION_FAILED: "the connection could not be made",
  CONNECTION_LOST: "the connection ended before the response did",
  CONNECT_TIMEOUT: "the connection took too long",
  RESPONSE_TIMEOUT: "the response, or its next part, took too long",
  CERTIFICATE_EXPIRED: "the certificate's time has passed",
  CERTIFICATE_NOT_YET_VALID: "the certificate's time has not come",
  CERTIFICATE_WRONG_NAME: "the certificate is for another name",
  CERTIFICATE_UNKNOWN_AUTHORITY: "no trusted authority issued the certificate",
  CERTIFICATE_INVALID: "the certificate is not acceptable",
  TLS_FAILED: "the TLS handshake failed",
  PROTOCOL_UNAVAILABLE: "no protocol that was asked for can be used",
  PROTOCOL_ERROR: "the peer broke the protocol",
  RESPONSE_INCOMPLETE: "the response ended early",
  CONTENT_UNDECODABLE: "the content is not what its content-encoding says",
  REDIRECT_REFUSED: "a redirect came and was not wanted",
  REDIRECT_INVALID: "the redirect leads nowhere",
  TOO_MANY_REDIRECTS: "the redirects do not end",
  REQUEST_INVALID: "the request cannot be sent as it is",
  REQUEST_BODY_FAILED: "the request's body failed while it was read",
  CLIENT_CLOSED: "the client was closed",
} as const;

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

interface ClientErrorOptions {
  readonly cause?: unknown;
  /** What the person may do about it. */
  readonly hint?: string;
}

export class ClientError extends TypeError {
  readonly code: ClientErrorCode;
  readonly hint: string | undefined;

  /** The message may hold what the peer wrote. */
  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(printable(message), "cause" in options ? { cause: options.cause } : undefined);
    this.name = "ClientError";
    this.code = code;
    this.hint = options.hint;
  }
}

/**
 * The server or the path to it is gone, through no fault of the request: an idempotent request may be retried on another
 * connection (RFC 9110 §9.2.2).
 */
export class ServerGoneError extends ClientError {
  constructor(message: string) {
    super("CONNECTION_LOST", message);
  }
}

/** The same error for an Error of unknown origin, unless it is one of ours already. */
export function asClientError(error: unknown, code: ClientErrorCode, message: string): ClientError {
  if (error instanceof ClientError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ClientError(code, reason === "" ? message : `${message}: ${reason}`, { cause: error });
}

const day = (date: Date) => (Number.isNaN(date.getTime()) ? "an unreadable date" : date.toISOString().slice(0, 10));

export function certificateExpired(host: string, notAfter: Date, cause?: unknown): ClientError {
  return new ClientError("CERTIFICATE_EXPIRED", `certificate for ${host} has expired (${day(notAfter)})`, {
    cause,
    hint: "the server needs a new certificate; if the date looks right, check this machine's clock",
  });
}

export function certificateNotYetValid(host: string, notBefore: Date, cause?: unknown): ClientError {
  return new ClientError("CERTIFICATE_NOT_YET_VALID", `certificate for ${host} is not valid before ${day(notBefore)}`, {
    cause,
    hint: "check this machine's clock",
  });
}

export function certificateWrongName(host: string, names: readonly string[], cause?: unknown): ClientError {
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
  const whose = names.length === 0 ? "names no host, so not" : `is for ${shown}, not`;
  return new ClientError("CERTIFICATE_WRONG_NAME", `certificate ${whose} ${host}`, {
    cause,
    hint: "ask for one of the names it is for, or give the server a certificate for this one",
  });
}

export function certificateUnknownAuthority(host: string, issuer: string | undefined, cause?: unknown): ClientError {
  const who = issuer === undefined || issuer === "" ? "" : ` (${issuer})`;
  return new ClientError(
    "CERTIFICATE_UNKNOWN_AUTHORITY",
    `certificate for ${host} is issued by an authority this machine does not trust${who}`,
    {
      cause,
      hint: "trust that authority with --cacert FILE (in code: ca), or NODE_EXTRA_CA_CERTS; for a development server, -k",
    },
  );
}
