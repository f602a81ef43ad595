/** Assertions about fatal conditions. */

import { expect } from "vitest";
import { ProtocolError } from "../../base/errors.ts";
import { ALERTS, type AlertName, CRYPTO_ERROR } from "../alerts.ts";

/** RFC 9000 §20.1 */
export const PROTOCOL_VIOLATION = 0x0a;

/** Expects `act` to throw the connection error for this alert, or with this QUIC code. */
export function expectCode(act: () => unknown, expected: AlertName | typeof PROTOCOL_VIOLATION): ProtocolError {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ProtocolError);
  const failure = thrown as ProtocolError;
  expect(failure.layer).toBe("transport");
  const code = typeof expected === "number" ? expected : CRYPTO_ERROR + ALERTS[expected].code;
  expect(failure.code, failure.message).toBe(code);
  return failure;
}
