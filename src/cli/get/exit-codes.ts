// curl's exit codes (curl(1), EXIT CODES) for failed transfers, so that scripts written for curl keep working.
import { ClientError, type ClientErrorCode } from "../../client/index.ts";
import { CliError, describe } from "../fail.ts";

export const CURL = {
  unsupportedProtocol: 1,
  malformedUrl: 3,
  nameNotFound: 6,
  connectFailed: 7,
  malformedReply: 8,
  http2: 16,
  partialFile: 18,
  httpError: 22,
  writeFailed: 23,
  readFailed: 26,
  timeout: 28,
  rangeIgnored: 33,
  tlsFailed: 35,
  interfaceFailed: 45,
  tooManyRedirects: 47,
  resolveSyntax: 49,
  emptyReply: 52,
  receiveFailed: 56,
  ownCertificate: 58,
  certificateRefused: 60,
  undecodable: 61,
  certificateFile: 77,
  http2Stream: 92,
  http3: 95,
} as const;

/** How far a transfer got before it failed. */
export interface TransferProgress {
  readonly protocol: "h3" | "h2" | "http/1.1" | undefined;
  readonly headSeen: boolean;
}

const BY_CODE: Readonly<Partial<Record<ClientErrorCode, number>>> = {
  NAME_NOT_FOUND: CURL.nameNotFound,
  LOCAL_ADDRESS_UNAVAILABLE: CURL.interfaceFailed,
  CONNECTION_REFUSED: CURL.connectFailed,
  CONNECTION_FAILED: CURL.connectFailed,
  CONNECT_TIMEOUT: CURL.timeout,
  RESPONSE_TIMEOUT: CURL.timeout,
  CERTIFICATE_EXPIRED: CURL.certificateRefused,
  CERTIFICATE_NOT_YET_VALID: CURL.certificateRefused,
  CERTIFICATE_WRONG_NAME: CURL.certificateRefused,
  CERTIFICATE_UNKNOWN_AUTHORITY: CURL.certificateRefused,
  CERTIFICATE_INVALID: CURL.certificateRefused,
  TLS_FAILED: CURL.tlsFailed,
  RESPONSE_INCOMPLETE: CURL.partialFile,
  CONTENT_UNDECODABLE: CURL.undecodable,
  TOO_MANY_REDIRECTS: CURL.tooManyRedirects,
  REQUEST_INVALID: CURL.malformedUrl,
  REQUEST_BODY_FAILED: CURL.readFailed,
};

/** Returns the same error with curl's exit code. */
export function withCurlCode(error: unknown, progress: TransferProgress): unknown {
  if (!(error instanceof ClientError)) return error;
  const exitCode = BY_CODE[error.code] ?? codeOfConnection(error, progress);
  const { code, message, hint } = describe(error);
  return new CliError(code, message, { exitCode, hint, cause: error });
}

/** The exit code for a failed connection, by how it failed. */
function codeOfConnection(error: ClientError, { protocol, headSeen }: TransferProgress): number {
  const cause = causeCode(error);
  if (error.code === "PROTOCOL_UNAVAILABLE") {
    return cause?.startsWith("ERR_SSL") === true ? CURL.tlsFailed : CURL.unsupportedProtocol;
  }
  if (protocol === "h3") return CURL.http3;
  if (protocol === "h2") return /reset the stream/.test(error.message) ? CURL.http2Stream : CURL.http2;
  if (error.code === "PROTOCOL_ERROR") return codeOfParser(error);
  if (cause === "ECONNRESET") return CURL.receiveFailed;
  return headSeen ? CURL.partialFile : CURL.emptyReply;
}

/** undici's parser gives its reason only as text. */
function codeOfParser({ message }: Error): number {
  if (message.includes("Expected HTTP/")) return CURL.unsupportedProtocol; // curl treats it as HTTP/0.9
  return message.includes("chunk") ? CURL.receiveFailed : CURL.malformedReply;
}

function causeCode(error: Error): string | undefined {
  let code: string | undefined;
  for (let next: unknown = error.cause; next instanceof Error; next = next.cause) {
    code = (next as { code?: string }).code ?? code;
    if (code === "ECONNRESET") break;
  }
  return code;
}
