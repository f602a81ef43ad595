/**
 * The behavior that every `StreamTransport` must have, as a list of cases. It is checked for QUIC connections, and for
 * their replacements in tests of the protocols above.
 */

import type { TransportCase } from "./transport-case.ts";
import { BACKPRESSURE, CONTENT, OPENING } from "./transport-content-cases.ts";
import { ABANDONING, CLOSING, LIMITS } from "./transport-end-cases.ts";

export const TRANSPORT_CASES: readonly TransportCase[] = [
  ...OPENING,
  ...CONTENT,
  ...BACKPRESSURE,
  ...ABANDONING,
  ...LIMITS,
  ...CLOSING,
];
