/** The state of one route (a 4-tuple) of a connection. */

/** The anti-amplification limit. */
export { AmplificationBudget } from "./amplification.ts";
/** ECN marks and their validation. */
export { type EcnState, EcnValidator } from "./ecn.ts";
/** What loss detection has learned about the route. */
export { type LossEpisode, LossHistory } from "./losses.ts";
/** The datagram size, and probes for larger ones. */
export { ETHERNET_PAYLOAD, MtuProber } from "./mtu.ts";
/** The route itself. */
export { Route, type RouteOptions } from "./route.ts";
/** The routes of a path. */
export { Routes } from "./routes.ts";
/** The round-trip time. */
export { RttEstimator } from "./rtt.ts";
