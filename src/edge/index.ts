/**
 * One handler on HTTP/1.1, HTTP/2 and HTTP/3, on one port: `serve`, and what a configuration file says. The guide to the library
 * says which names are stable.
 *
 * @module nagare
 */

export type { ChallengeKind } from "../host/acme/answers.ts"; // how a name is proved
export type { CertificateKeyType } from "../host/acme/csr.ts"; // the type of certificates' keys
export type { DnsCommand, DnsHook } from "../host/acme/dns-hook.ts"; // what sets TXT records
export { AcmeError, type AcmeErrorCode, type AcmeErrorOptions } from "../host/acme/errors.ts"; // an authority that refuses, or options that are wrong
export type { AccountAlgorithm, ExternalAccount } from "../host/acme/jose.ts"; // the account
export type { AutoSource } from "../host/acme/managed-certificates.ts"; // certificates from an authority
export type { AcmeOptions, OnDemandOptions } from "../host/acme/options.ts"; // which authority, which names, how
export type { Problem as AcmeProblem } from "../host/acme/problem.ts"; // an authority's own words
export type { Storage, StorageLock } from "../host/acme/storage.ts"; // where accounts and certificates are kept
export type { CertificateSource, IdentityFiles } from "../host/certificates/certificates.ts"; // a certificate and key, as PEM or as files
export {
  type DevelopmentIdentity,
  type DevelopmentOptions,
  developmentIdentity,
} from "../host/certificates/development.ts"; // a certificate for localhost, kept between runs
export type { Identity, IdentitySource } from "../host/certificates/identity.ts"; // a chain with its key
export { IdentityError, type IdentityProblem } from "../host/certificates/identity.ts"; // a certificate or key that cannot be used
export type { Issuer as CertificateIssuer } from "../host/certificates/self-signed.ts"; // what signs development certificates
export type { ConnectionInfo, HttpVersion, PeerAddress } from "../host/http/exchange.ts"; // facts in a context
export type { Context } from "../host/http/fetch-context.ts"; // what a handler gets besides the request
export type { Handler } from "../host/http/fetch-handler.ts"; // the function that responds
export type { BoundAddress, EarlyDataPolicy, RetryPolicy } from "../host/http/listener.ts"; // an address that the server listens on, and policies of QUIC
export { LightResponse as Response } from "../host/http/plain-response.ts"; // a Response that is cheaper to create and send
export type { TunnelRequest, TunnelStreams } from "../host/http/tunnel-streams.ts"; // byte streams in both directions
export type { AltSvcOptions } from "../host/listen/alt-svc.ts"; // how HTTP/3 is advertised
export { ServeError, type ServeProblem } from "../host/listen/errors.ts"; // every failure, by code
export { QuicMetrics } from "../host/metrics/quic-metrics.ts"; // counts what HTTP/3's connections do
export type { QlogDialect, QlogOptions } from "../host/qlog/options.ts"; // recording in qlog
export type {
  ExperimentalQuicOptions,
  PreferredAddress,
  QuicServerOptions,
  QuicVersionName,
} from "../host/quic/quic-options.ts"; // the versions of QUIC
export { DurationError } from "../host/timer.ts"; // an invalid value for an option that takes a duration
export type { PartialPriority, Priority } from "../http/priority/index.ts"; // RFC 9218
export { chromiumFlags } from "./chromium.ts"; // a browser that accepts the development certificate over HTTP/3
export {
  type AccessLogConfig,
  type AcmeConfig,
  type CalendarTime,
  type ClientHintsConfig,
  type CompressConfig,
  type Config,
  type ConnectUdpAction,
  type DeprecationConfig,
  type DeprecationReportConfig,
  type Duration,
  defineConfig,
  type FilesAction,
  type GeoConfig,
  type GeofeedAction,
  type HandBackConfig,
  type HealthCheckConfig,
  type LimitsConfig,
  type ListenConfig,
  type LiveAction,
  type MemcacheSection,
  type MetricsConfig,
  type PartialPostReplayConfig,
  type PassiveHealthConfig,
  type ProxyAction,
  type ProxyProtocolConfig,
  type QlogConfig,
  type RedirectAction,
  type RespondAction,
  type RetryConfig,
  type RouteConfig,
  type RouteLimitsConfig,
  type SiteConfig,
  type Size,
  type SunsetConfig,
  type TlsFiles,
  type UploadAction,
} from "./config/types.ts"; // what a configuration file says
export { type ConnectUdpOptions, createUdpProxy, type UdpProxy, type UdpProxyRequest } from "./connect-udp/index.ts"; // a proxy for UDP; experimental
export { type FilesOptions, serveFiles } from "./files/index.ts"; // a folder as a handler
export type { LiveAnswer, LiveAuthorize, LiveGrant, LiveRequest } from "./live/options.ts"; // who may use a relay of live media; experimental
export type { LiveTokenOptions } from "./live/tokens.ts"; // their tokens; experimental
export type {
  AccessLogFormat,
  AccessLogOptions,
  AddressPolicy,
  DeprecatedUsage,
  DeprecatedUse,
  DeprecationReportOptions,
  DeprecationState,
  InfoLogger,
  LimitsOptions,
  MetricsOptions,
  OriginFacts,
  QueryPolicy,
  RequestIdOptions,
  RequestRecord,
  ServiceStatus,
  SessionRecord,
  TextRegistry,
  TraceContextOptions,
} from "./operations/index.ts"; // what operators see
export type { OriginOptions } from "./proxy/options.ts"; // one origin of a proxy
export type { Balance } from "./proxy/origins/policies.ts"; // how origins share the requests
export type { HandBackOptions } from "./replay/options.ts"; // Partial POST Replay; experimental
export { type FetchObject, type ServeOptions, serve } from "./serve.ts"; // starts a server
export type { CloseOptions, ReloadOptions, Server } from "./server.ts"; // a running server
export {
  createUploads,
  type DataStoreLike,
  type DataStoreUpload,
  type InteropVersion,
  type ListedUpload,
  MemoryUploadStorage,
  type NodeUploadRequest,
  type NodeUploadResponse,
  type ProfileName,
  type RefusalCode,
  StorageFullError,
  type StoredResponse,
  type Upload,
  type UploadAccess,
  type UploadActionName,
  UploadExistsError,
  type UploadInfo,
  type UploadMetadata,
  type UploadOptions,
  type UploadProblem,
  type UploadRecord,
  UploadRefusal,
  type UploadResult,
  type UploadService,
  type UploadStorage,
  type UploadWriter,
} from "./upload/index.ts"; // resumable uploads; experimental
export type { WorkersOption } from "./workers/options.ts"; // processes
