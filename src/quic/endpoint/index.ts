/** All QUIC connections of one UDP socket. */

/** Which clients are accepted. */
export type { AcceptPolicy } from "./acceptor.ts";
/** The endpoint itself. */
export { Endpoint } from "./endpoint.ts";
export type { ConnectOptions, EndpointEvent, EndpointOptions } from "./options.ts";
