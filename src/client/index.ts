// nagare/client: a fetch that speaks HTTP/1.1, HTTP/2 and HTTP/3, and can say how each response came.

export {
  // every failure, by code
  CLIENT_ERRORS,
  ClientError,
  type ClientErrorCode,
  certificateExpired,
  certificateNotYetValid,
  certificateUnknownAuthority,
  certificateWrongName,
} from "../host/client/errors.ts";
export type { Http3Connector, Http3Session } from "../host/client/http3.ts"; // the seam to QUIC
export type { Resolve } from "../host/client/resolve.ts"; // a lookup of one's own
export type * from "../host/client/session.ts"; // what a connection owes the client
export { DurationError } from "../host/timer.ts"; // an option that takes a time was given something else
export type { BodyLike, BodySource } from "./body.ts"; // what a request's body may be
export { Client, type ConnectionFacts, createClient } from "./client.ts"; // the product
export type { SentRequest } from "./exchange.ts"; // what a connection was given to send
export type { ExchangeFacts, ExchangeTimings } from "./facts.ts"; // how a response came
export type { FetchInit } from "./fetch.ts"; // what fetch takes beside a URL
export { redirectTarget } from "./location.ts"; // where a redirect points
export type { ClientOptions } from "./options.ts"; // what createClient takes
