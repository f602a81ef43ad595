/**
 * TLS 1.3 for QUIC (RFC 8446, RFC 9001). Experimental.
 *
 * @module nagare/tls
 */

/** The alerts, and their mapping to QUIC connection errors. */
export { ALERTS, type AlertName, alertError, alertName, CRYPTO_ERROR } from "./alerts.ts";
export type { CipherSuite, CipherSuiteName } from "./cipher-suite.ts";
/** The client side of a handshake. */
export { createTlsClient } from "./client.ts";
/** The registered suites, groups and signature schemes. */
export { CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES } from "./code-points.ts";
/** Keying material for applications. */
export type { Exporter } from "./exporter.ts";
/** The contract with QUIC. */
export * from "./handshake.ts";
/** The server side of a handshake. */
export { createTlsServer } from "./server.ts";
/** Sessions that a client can resume. */
export type { ClientSession } from "./session.ts";
/** Single use of early data. */
export { MemoryStrikeRegister, REPLAY_WINDOW, type StrikeRegister } from "./strike-register.ts";
/** The keys of a server's session tickets. */
export { TICKET_LIFETIME, TicketKeys } from "./tickets.ts";
