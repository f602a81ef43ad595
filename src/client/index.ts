/**
 * `fetch` over HTTP/1.1, HTTP/2 and HTTP/3, with details of how each response was obtained. The guide to the library says which names are stable.
 *
 * @module nagare/client
 */

export type { RaceEvent } from "../agent/happy-eyeballs/events.ts"; // a step of the race
export { type HstsEntry, HstsStore } from "../agent/hsts/index.ts"; // hosts that are only reached over TLS
export type { AltSvcEntry, OriginProtocol } from "../agent/index.ts"; // an alternative service
export type { Answer, AnyData, ResourceRecord } from "../dns/index.ts"; // what a resolver answers
export type { Resolver } from "../host/client/addresses.ts"; // what is asked in place of the system
export type { MigrateOptions } from "../host/client/client-sockets.ts"; // moving a connection
export type { ConnectTo } from "../host/client/dialer.ts"; // another place to connect to
export {
  // all errors, by code
  CLIENT_ERRORS,
  ClientError,
  type ClientErrorCode,
  type ClientErrorOptions,
  certificateExpired,
  certificateNotYetValid,
  certificateUnknownAuthority,
  certificateWrongName,
  TunnelRefusedError,
} from "../host/client/errors.ts";
export type { Http3Connector, Http3Session } from "../host/client/http3.ts"; // the interface to QUIC
export type { TimedDecision } from "../host/client/race.ts"; // why a connection was chosen
export type { Resolve } from "../host/client/resolve.ts"; // a custom lookup
export type * from "../host/client/session.ts"; // the contract of a connection
export type { ClientCookies } from "../host/cookies/client-cookies.ts"; // what a client asks of a jar
export type { TunnelDatagrams } from "../host/http/tunnel.ts"; // datagrams beside a tunnel
export { QuicMetrics } from "../host/metrics/quic-metrics.ts"; // counts what HTTP/3's connections do
export type { QlogDialect, QlogOptions } from "../host/qlog/options.ts"; // recording in qlog
export type { QuicClientOptions, QuicVersionName } from "../host/quic/quic-options.ts"; // the versions of QUIC
export { DurationError } from "../host/timer.ts"; // an option has an invalid duration
export type { PartialPriority, Priority } from "../http/priority/index.ts"; // RFC 9218
export { AltSvcStore } from "./alt-svc-store.ts"; // alternative services
export type { BodyLike, BodySource } from "./body.ts"; // request bodies
export { Client, createClient } from "./client.ts"; // the client
export type { ClientTunnel, ConnectInit } from "./connect.ts"; // tunnels
export type { ConnectUdpInit } from "./connect-udp/connect-udp.ts"; // UDP through a proxy
export { type ForwardUdpInit, UdpForwarder } from "./connect-udp/forwarder.ts"; // a local port through a proxy
export { type UdpAddress, type UdpRemoteInfo, type UdpSocketEvents, UdpTunnelSocket } from "./connect-udp/socket.ts";
export type { SentRequest } from "./exchange.ts"; // a request as sent on a connection
export type { ExchangeFacts, ExchangeTimings } from "./facts.ts"; // details of a response
export type { FetchInit } from "./fetch.ts"; // the options of fetch
export type { HappyEyeballsOptions } from "./happy-eyeballs.ts"; // racing addresses
export { redirectTarget } from "./location.ts"; // the target of a redirect
export type { ResourceNotice } from "./notices.ts"; // the end of a resource
export type { ClientOptions, UdpViaOptions } from "./options.ts"; // the options of createClient
export type { CloseOptions, ConnectionFacts } from "./pool.ts"; // an open connection
export type { RequestPriority } from "./priority.ts"; // the priority of a request
export { createResolver, type OwnResolver, type ResolverOptions } from "./resolver.ts"; // our stub resolver
export {
  type KeptUpload,
  UploadError,
  type UploadInit,
  type UploadMemory,
  type UploadOutcome,
  type UploadProgress,
  type UploadRetry,
} from "./upload/options.ts"; // uploads that go on where they stopped; experimental
export { UploadFolder } from "./upload/saved-uploads.ts"; // uploads that another process goes on with
export type { UploadContent, UploadSource } from "./upload/source.ts"; // what is uploaded
