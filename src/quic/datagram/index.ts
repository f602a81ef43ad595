/** DATAGRAM frames (RFC 9221). */
export { type DatagramFacts, Datagrams, type DatagramsHost, type SenderPlaces } from "./datagrams.ts";
export { type DatagramLimits, DEFAULT_DATAGRAM_LIMITS } from "./limits.ts";
