/** UDP on our own IP. */

/** Headers. */
export { parseUdp } from "./datagram.ts";
/** All sockets of a host. */
export { UdpBinding, type UdpDatagram, type UdpEnd, UdpEndpoint } from "./endpoint.ts";
