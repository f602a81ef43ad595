/**
 * The alerts of TLS 1.3 (RFC 8446 §6.2) for fatal conditions. QUIC has no alert records: an alert becomes the
 * connection error CRYPTO_ERROR, 0x100 plus its number (RFC 9001 §4.8).
 */

import { defineErrors, errorName, ProtocolError } from "../base/errors.ts";

export const ALERTS = defineErrors({
  close_notify: [0, "the peer will not send any more"],
  unexpected_message: [10, "the message is not allowed at this point of the handshake"],
  handshake_failure: [40, "no acceptable set of parameters could be negotiated"],
  bad_certificate: [42, "the certificate is corrupt"],
  unsupported_certificate: [43, "the certificate is of an unsupported type"],
  certificate_revoked: [44, "the certificate was revoked by its signer"],
  certificate_expired: [45, "the certificate has expired or is not yet valid"],
  certificate_unknown: [46, "the certificate is unacceptable for an unspecified reason"],
  illegal_parameter: [47, "a field is incorrect or contradicts others"],
  unknown_ca: [48, "no trusted authority issued the certificate chain"],
  access_denied: [49, "access is denied"],
  decode_error: [50, "the message could not be decoded"],
  decrypt_error: [51, "a signature or a Finished message does not verify"],
  protocol_version: [70, "the protocol version is recognized but not supported"],
  insufficient_security: [71, "the client's parameters are not secure enough"],
  internal_error: [80, "an internal error prevents the handshake from continuing"],
  missing_extension: [109, "a required extension is missing"],
  unsupported_extension: [110, "an unsolicited extension was received"],
  unrecognized_name: [112, "the server name is unknown here"],
  bad_certificate_status_response: [113, "the OCSP response is unacceptable"],
  certificate_required: [116, "a client certificate is required"],
  no_application_protocol: [120, "no application protocol in common"],
});
export type AlertName = keyof typeof ALERTS;

/** QUIC connection errors that carry an alert: this plus the alert's number (RFC 9001 §4.8). */
export const CRYPTO_ERROR = 0x100;

/** Details may quote the peer, whose names and lists are as long as it likes. */
const MAX_DETAIL = 500;

/** A fatal condition found while handling `where` (a message or an extension). */
export function alertError(alert: AlertName, where: string, detail?: string, options?: { cause?: unknown }) {
  const { code, sentence } = ALERTS[alert];
  const short = detail !== undefined && detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail;
  return new ProtocolError("transport", { code: CRYPTO_ERROR + code, sentence }, where, short, options);
}

/** The name of the alert in a CRYPTO_ERROR, for display; undefined if `code` is not one or its alert is unknown. */
export function alertName(code: number): string | undefined {
  return code >= CRYPTO_ERROR && code <= CRYPTO_ERROR + 0xff ? errorName(ALERTS, code - CRYPTO_ERROR) : undefined;
}
