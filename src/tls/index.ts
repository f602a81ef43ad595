/** TLS 1.3 for QUIC: table of contents. */

/** The alerts, and how an alert becomes a QUIC connection error and back. */
export { ALERTS, type AlertName, alertError, alertName, CRYPTO_ERROR } from "./alerts.ts";
/** The client's side of a handshake. */
export { createTlsClient } from "./client.ts";
/** The registered suites, groups and signature schemes. */
export { CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES } from "./code-points.ts";
/** The contract with QUIC. */
export * from "./handshake.ts";
/** The server's side of a handshake. */
export { createTlsServer } from "./server.ts";
