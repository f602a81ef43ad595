import { expect, test } from "vitest";
import { tlsCause } from "./connection-metrics.ts";

test.each([
  ["ERR_TLS_HANDSHAKE_TIMEOUT", "timeout"],
  ["ECONNRESET", "disconnected"],
  ["ERR_SSL_HTTP_REQUEST", "plain-http"],
  ["ERR_SSL_NO_APPLICATION_PROTOCOL", "no-shared-protocol"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "client-alert"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN", "client-alert"],
  ["ERR_SSL_NO_SHARED_CIPHER", "no-shared-algorithm"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "version"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "version"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "client-certificate"],
  [undefined, "other"],
])("the cause of %s is %s", (code, cause) => {
  expect(tlsCause(Object.assign(new Error("x"), { code }))).toBe(cause);
});
