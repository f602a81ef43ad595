/** All QUIC connections of one UDP socket. */

/** Which clients are accepted. */
export type { AcceptPolicy } from "./acceptor.ts";
/** The endpoint itself. */
export { type ConnectOptions, Endpoint, type EndpointEvent, type EndpointOptions } from "./endpoint.ts";
