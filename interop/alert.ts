/** The alert that TLS over TCP would send for an error, for test programs of other projects, which read alerts. */

import type { ProtocolError } from "../src/base/errors.ts";
import { ALERTS, alertName, CRYPTO_ERROR } from "../src/tls/alerts.ts";

/** Where QUIC has an error of its own (PROTOCOL_VIOLATION), TLS has unexpected_message. */
export const alertOf = ({ code }: ProtocolError): number =>
  alertName(code) === undefined ? ALERTS.unexpected_message.code : code - CRYPTO_ERROR;
