import { expect, test } from "vitest";
import { CLIENT_ERRORS, ClientError, type ClientErrorCode } from "../host/client/errors.ts";
import { undiciError } from "./errors.ts";

/** The code where the client's error has no cause, as over QUIC. */
const CODES: Partial<Record<ClientErrorCode, string>> = {
  NAME_NOT_FOUND: "ENOTFOUND",
  CONNECTION_REFUSED: "ECONNREFUSED",
  CONNECTION_FAILED: "UND_ERR_SOCKET",
  CONNECTION_LOST: "UND_ERR_SOCKET",
  CONNECT_TIMEOUT: "UND_ERR_CONNECT_TIMEOUT",
  RESPONSE_TIMEOUT: "UND_ERR_HEADERS_TIMEOUT",
  CERTIFICATE_EXPIRED: "CERT_HAS_EXPIRED",
  CERTIFICATE_NOT_YET_VALID: "CERT_NOT_YET_VALID",
  CERTIFICATE_WRONG_NAME: "ERR_TLS_CERT_ALTNAME_INVALID",
  CERTIFICATE_UNKNOWN_AUTHORITY: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  CERTIFICATE_INVALID: "CERT_REJECTED",
  TLS_FAILED: "EPROTO",
  PROTOCOL_UNAVAILABLE: "UND_ERR_NOT_SUPPORTED",
  PROTOCOL_ERROR: "UND_ERR_INFO",
  RESPONSE_INCOMPLETE: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  REQUEST_INVALID: "UND_ERR_INVALID_ARG",
  CLIENT_CLOSED: "UND_ERR_CLOSED",
};

test.each(Object.keys(CLIENT_ERRORS) as ClientErrorCode[])("%s has a code that undici's users know", (code) => {
  const error = new ClientError(code, "why");
  const mapped = undiciError(error, false);
  expect(mapped).toMatchObject({ message: "why", code: CODES[code] ?? "UND_ERR_SOCKET", cause: error });
});

test("a time limit after the head is that of the body", () => {
  expect(undiciError(new ClientError("RESPONSE_TIMEOUT", "why"), true)).toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" });
});

test("the system's own code is kept", () => {
  const cause = Object.assign(new Error("no route"), { code: "EHOSTUNREACH" });
  expect(undiciError(new ClientError("CONNECTION_FAILED", "why", { cause }), false)).toMatchObject({
    code: "EHOSTUNREACH",
  });
});

test("other errors pass as they are", () => {
  const error = new Error("mine");
  expect(undiciError(error, false)).toBe(error);
  const cause = new Error("disk gone");
  expect(undiciError(new ClientError("REQUEST_BODY_FAILED", "why", { cause }), false)).toBe(cause);
});
