/** Fatal conditions to which RFC 9001 assigns a QUIC code instead of an alert. All others are in `alerts.ts`. */

import { defineErrors, ProtocolError } from "../base/errors.ts";

const QUIC_ERRORS = defineErrors({
  // RFC 9000 §20.1
  PROTOCOL_VIOLATION: [0x0a, "QUIC forbids this use of TLS"],
});

/** A use of TLS that QUIC forbids. */
export function protocolViolation(where: string, detail: string): ProtocolError {
  return new ProtocolError("transport", QUIC_ERRORS.PROTOCOL_VIOLATION, where, detail);
}
