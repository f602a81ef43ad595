/** What is true of one route (a 4-tuple) of a connection. */

/** The anti-amplification limit. */
export { AmplificationBudget } from "./amplification.ts";
/** Marks and their validation. */
export { type EcnState, EcnValidator } from "./ecn.ts";
/** What loss detection has learned of the route. */
export { type LossEpisode, LossMemory } from "./losses.ts";
/** How large a datagram may be, and probes for larger ones. */
export { MtuProber } from "./mtu.ts";
/** The owner of them all. */
export { Route, type RouteOptions } from "./route.ts";
/** The routes of a path. */
export { Routes } from "./routes.ts";
/** The round-trip time. */
export { RttEstimator } from "./rtt.ts";
