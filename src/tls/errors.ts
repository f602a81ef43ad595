/**
 * The fatal conditions that RFC 9001 gives a code of QUIC's own instead of an alert. Everything else is in `alerts.ts`.
 */

import { defineErrors, ProtocolError } from "../base/errors.ts";

const QUIC_ERRORS = defineErrors({
  // RFC 9000 §20.1
  PROTOCOL_VIOLATION: [0x0a, "QUIC forbids what TLS alone would allow"],
});

/** A use of TLS that QUIC forbids. */
export function protocolViolation(where: string, detail: string): ProtocolError {
  return new ProtocolError("transport", QUIC_ERRORS.PROTOCOL_VIOLATION, where, detail);
}
