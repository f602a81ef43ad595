// nagare: one handler on HTTP/1.1, HTTP/2 and HTTP/3, on one port.
export {
  type DevelopmentIdentity,
  type DevelopmentOptions,
  developmentIdentity,
} from "../host/certificates/development.ts"; // a certificate for localhost, kept between runs
export type { Identity, IdentitySource } from "../host/certificates/identity.ts"; // a chain with its key
export { IdentityError, type IdentityProblem } from "../host/certificates/identity.ts"; // one that cannot serve
export type { ConnectionInfo, HttpVersion, PeerAddress } from "../host/http/exchange.ts"; // what a context tells
export type { Context, Handler } from "../host/http/fetch-handler.ts"; // the function that answers
export type { BoundAddress } from "../host/http/listener.ts"; // where it listens
export { LightResponse as Response } from "../host/http/plain-response.ts"; // one that is cheap to make and to send
export type { TunnelRequest, TunnelStreams } from "../host/http/tunnel-streams.ts"; // bytes both ways
export type { AltSvcOptions } from "../host/listen/alt-svc.ts"; // how HTTP/3 is advertised
export { ServeError, type ServeProblem } from "../host/listen/errors.ts"; // every failure, by code
export { DurationError } from "../host/timer.ts"; // an option that takes a time was given something else
export { chromiumFlags } from "./chromium.ts"; // a browser that accepts the development certificate over HTTP/3
export { type FilesOptions, serveFiles } from "./files/index.ts"; // a folder as a handler
export { type FetchObject, type ServeOptions, serve } from "./serve.ts"; // the product
export type { CloseOptions, Server } from "./server.ts"; // what it gives
