// nagare/node: the server of node:https, on HTTP/1.1, HTTP/2 and HTTP/3.
export { QuicMetrics } from "../host/metrics/quic-metrics.ts"; // counts what HTTP/3's connections do
export type { QlogDialect, QlogOptions } from "../host/qlog/options.ts"; // recording in qlog
export type { CertificateOptions } from "./identities.ts"; // in the shapes of https.createServer
export type { ListenOptions } from "./listen-arguments.ts"; // the address to listen on
export { createServer, Server, type ServerOptions } from "./server.ts"; // the product
export { createSecureContext, type SniCallback } from "./sni.ts"; // certificates selected by server name
