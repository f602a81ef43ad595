/** All QUIC connections of one UDP socket. */

/** Who is let in. */
export type { AcceptPolicy } from "./acceptor.ts";
/** The machine. */
export { type ConnectOptions, Endpoint, type EndpointEvent, type EndpointOptions } from "./endpoint.ts";
