// Every way a request can fail, as stable codes. A ClientError is a TypeError because fetch rejects with a TypeError.

import { combinedFieldValue, type FieldSection } from "../../http/index.ts";
import { printable } from "../../wire/printable.ts";

/** Each code with its meaning. */
export const CLIENT_ERRORS = {
  NAME_NOT_FOUND: "the host name has no address",
  LOCAL_ADDRESS_UNAVAILABLE: "this machine does not have the address or interface to connect from",
  CONNECTION_REFUSED: "nothing is listening at that address and port",
  CONNECTION_FAILED: "the connection could not be established",
  CONNECTION_LOST: "the connection ended before the response did",
  CONNECT_TIMEOUT: "connecting took too long",
  RESPONSE_TIMEOUT: "the response, or its next part, took too long",
  CERTIFICATE_EXPIRED: "the certificate has expired",
  CERTIFICATE_NOT_YET_VALID: "the certificate is not valid yet",
  CERTIFICATE_WRONG_NAME: "the certificate is for another name",
  CERTIFICATE_UNKNOWN_AUTHORITY: "the certificate was not issued by a trusted authority",
  CERTIFICATE_INVALID: "the certificate is not acceptable",
  TLS_FAILED: "the TLS handshake failed",
  PROTOCOL_UNAVAILABLE: "none of the allowed protocols is available",
  PROTOCOL_ERROR: "the peer violated the protocol",
  RESPONSE_INCOMPLETE: "the response ended early",
  CONTENT_UNDECODABLE: "the content does not match its content-encoding",
  REDIRECT_REFUSED: "the response is a redirect, which the request does not allow",
  REDIRECT_INVALID: "the redirect has no valid target",
  TOO_MANY_REDIRECTS: "there were too many redirects",
  REQUEST_INVALID: "the request cannot be sent as it is",
  REQUEST_BODY_FAILED: "reading the request's body failed",
  TUNNEL_REFUSED: "the server did not open the tunnel",
  MIGRATION_FAILED: "the connection could not move to another address",
  CLIENT_CLOSED: "the client was closed",
} as const;

/** The codes of a `ClientError`; `CLIENT_ERRORS` has a sentence about each. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/** What an error knows besides its message. */
export interface ClientErrorOptions {
  readonly cause?: unknown;
  /** What the user can do about it. */
  readonly hint?: string;
}

/** A request that failed. Its `code` is stable, and its `cause` is the error below it. */
export class ClientError extends TypeError {
  readonly code: ClientErrorCode;
  readonly hint: string | undefined;

  /** The message may contain text from the peer; control characters are escaped. */
  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(printable(message), "cause" in options ? { cause: options.cause } : undefined);
    this.name = "ClientError";
    this.code = code;
    this.hint = options.hint;
  }
}

/**
 * The server, or the path to it, is gone. The request is not to blame: an idempotent one may be retried on another
 * connection (RFC 9110 §9.2.2).
 */
export class ServerGoneError extends ClientError {
  constructor(message: string) {
    super("CONNECTION_LOST", message);
  }
}

/** The HTTPS records of an http origin say that it is only reached over TLS (RFC 9460 §9.5): the request goes to its https form. */
export class SecureOnlyError extends ClientError {
  constructor(origin: string) {
    super("PROTOCOL_UNAVAILABLE", `the HTTPS records of ${origin} say that it is reached over TLS`);
  }
}

/** The server takes no tunnels over the connection's version of HTTP. */
export class NoExtendedConnectError extends ClientError {
  constructor() {
    super("PROTOCOL_UNAVAILABLE", "the server does not support extended CONNECT (RFC 8441, RFC 9220)");
  }
}

/** The server's settings allow no further WebTransport session on the connection. */
export class TooManySessionsError extends ClientError {
  constructor(allowed: number) {
    super("PROTOCOL_UNAVAILABLE", `the server allows ${allowed} WebTransport sessions on a connection`);
  }
}

/** The server answered a request for a tunnel with another response than one that opens it. */
export class TunnelRefusedError extends ClientError {
  readonly status: number;
  readonly fields: FieldSection;
  /** The beginning of the response's content. */
  readonly content: string;

  constructor(url: string, status: number, fields: FieldSection, content: string) {
    const why = combinedFieldValue(fields, "proxy-status");
    super(
      "TUNNEL_REFUSED",
      `${url} answered ${status} instead of opening the tunnel${why === undefined ? "" : `: ${why}`}`,
    );
    this.status = status;
    this.fields = fields;
    this.content = content;
  }
}

/** Wraps an error in a ClientError, unless it is one already. */
export function asClientError(error: unknown, code: ClientErrorCode, message: string): ClientError {
  if (error instanceof ClientError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ClientError(code, reason === "" ? message : `${message}: ${reason}`, { cause: error });
}

const day = (date: Date) => (Number.isNaN(date.getTime()) ? "an unreadable date" : date.toISOString().slice(0, 10));

/** The error for a server's certificate that has expired. */
export function certificateExpired(host: string, notAfter: Date, cause?: unknown): ClientError {
  return new ClientError("CERTIFICATE_EXPIRED", `certificate for ${host} has expired (${day(notAfter)})`, {
    cause,
    hint: "the server needs a new certificate; if the date looks right, check this machine's clock",
  });
}

/** The error for a server's certificate that is not valid yet. */
export function certificateNotYetValid(host: string, notBefore: Date, cause?: unknown): ClientError {
  return new ClientError("CERTIFICATE_NOT_YET_VALID", `certificate for ${host} is not valid before ${day(notBefore)}`, {
    cause,
    hint: "check this machine's clock",
  });
}

/** The error for a server's certificate that is not for `host`. */
export function certificateWrongName(host: string, names: readonly string[], cause?: unknown): ClientError {
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
  const whose = names.length === 0 ? "names no host, and so not" : `is for ${shown}, not`;
  return new ClientError("CERTIFICATE_WRONG_NAME", `certificate ${whose} ${host}`, {
    cause,
    hint: "use one of the names in the certificate, or give the server a certificate for this name",
  });
}

/** The error for a server's certificate whose issuer is not trusted. */
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
