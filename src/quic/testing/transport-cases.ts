/**
 * What every `StreamTransport` does, as one list of cases: a connection of QUIC is held to it, and so is whatever stands
 * in for one in tests of the protocols above.
 */

import type { TransportCase } from "./transport-case.ts";
import { BACKPRESSURE, CONTENT, OPENING } from "./transport-content-cases.ts";
import { CLOSING, GIVING_UP, LIMITS } from "./transport-end-cases.ts";

export const TRANSPORT_CASES: readonly TransportCase[] = [
  ...OPENING,
  ...CONTENT,
  ...BACKPRESSURE,
  ...GIVING_UP,
  ...LIMITS,
  ...CLOSING,
];
