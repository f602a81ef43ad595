/** What is true of one network path of a connection. */

/** The anti-amplification limit. */
export { AmplificationBudget } from "./amplification.ts";
/** Marks and their validation. */
export { type EcnState, EcnValidator } from "./ecn.ts";
/** How large a datagram may be, and probes for larger ones. */
export { BASE_DATAGRAM_SIZE, MtuProber } from "./mtu.ts";
/** The owner of them all. */
export { Path, type PathOptions } from "./path.ts";
/** The round-trip time. */
export { GRANULARITY, RttEstimator } from "./rtt.ts";
