/**
 * Reasons for a reset ("TCP Failure Causes", draft-ietf-tcpm-rst-diagnostic-payload). A reset with a payload is only as
 * trustworthy as its sequence number: show the reason, never act on it.
 */

import { printable } from "../../wire/printable.ts";

export interface ResetReason {
  /** From 1 to 65535; undefined if only a description came. */
  readonly code: number | undefined;
  /** The Private Enterprise Number whose owner assigned the code; 0 for IANA's. */
  readonly enterprise: number;
  /** Only in the older form, for reasons without a code. */
  readonly description?: string;
}

export const ResetCode = {
  illegalOptionLength: 1,
  desynchronized: 2,
  dataAfterClose: 3,
  aborted: 4,
  unexpectedAck: 5,
  unexpectedSyn: 6,
  securityCompartment: 7,
  malformed: 8,
  notAuthorized: 9,
  resourceExceeded: 10,
  networkFailure: 11,
  resetByPeer: 12,
  unreachable: 13,
  timeout: 14,
} as const;

const SENTENCES: readonly string[] = [
  "",
  "illegal option length",
  "desynchronized state",
  "new data received after close",
  "aborted by the application",
  "unexpected acknowledgment",
  "unexpected SYN in the window",
  "unexpected security compartment",
  "malformed message",
  "not authorized",
  "resources exceeded",
  "network failure",
  "reset received from the other side",
  "destination unreachable",
  "connection timed out",
  "too much outstanding data",
  "unacceptable performance",
  "middlebox interference",
];

/** For people: `not authorized (9)`, `code 1234 of enterprise 32473`. */
export function describeReset({ code, enterprise, description }: ResetReason): string {
  if (code === undefined) return `"${printable(description ?? "")}"`;
  if (enterprise !== 0) return `code ${code} of enterprise ${enterprise}`;
  const sentence = SENTENCES[code];
  return sentence === undefined ? `code ${code}` : `${sentence} (${code})`;
}
