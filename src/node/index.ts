/**
 * The server of node:https, on HTTP/1.1, HTTP/2 and HTTP/3. The guide to the library says which names are stable.
 *
 * @module nagare/node
 */

export type { ContextOptions } from "../host/certificates/secure-context.ts"; // options of TLS over TCP
export type { Http1Limits } from "../host/http/listener.ts"; // the same, as options
export { QuicMetrics } from "../host/metrics/quic-metrics.ts"; // counts what HTTP/3's connections do
export type { Http1Properties } from "../host/node/http1-settings.ts"; // limits of HTTP/1.1
export type { RequestClass } from "../host/node/incoming.ts"; // the class of req
export type { NodeServer } from "../host/node/node-handler.ts"; // a server as handlers see it
export type { ResponseClass } from "../host/node/outgoing.ts"; // the class of res
export type { Listener } from "../host/node/types.ts"; // a listener
export type { QlogDialect, QlogOptions } from "../host/qlog/options.ts"; // recording in qlog
export type { CertificateOptions, Pem } from "./identities.ts"; // in the shapes of https.createServer
export type { ListenOptions } from "./listen-arguments.ts"; // the address to listen on
export { createServer, Server, type ServerOptions } from "./server.ts"; // the product
export { createSecureContext, type SniCallback } from "./sni.ts"; // certificates selected by server name
