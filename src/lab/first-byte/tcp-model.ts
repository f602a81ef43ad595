/**
 * TCP with TLS 1.3 and one request as what counts here: round trips. A datagram of one byte is a flight: SYN, ClientHello,
 * request, and the server's answers to them (RFC 9293 §3.5, RFC 8446 §2).
 */

export const Flight = { syn: 0, hello: 1, request: 2 } as const;
export type Flight = (typeof Flight)[keyof typeof Flight];

/** Stands for port 443 of TCP. */
export const TCP_PORT = 6;

export const flightBytes = (flight: Flight): Uint8Array => Uint8Array.of(flight);
