/**
 * What a configuration file may say. `schema.ts` validates it, and `nagare.schema.json` describes it to editors; both have
 * the members of these interfaces, and the JSON Schema takes its descriptions from here.
 */

import type { AcmeOptions } from "../../host/acme/options.ts";
import type { Handler } from "../../host/http/fetch-handler.ts";
import type { ProxyProtocolOptions } from "../../host/http/proxy-protocol-gate.ts";
import type { AltSvcOptions } from "../../host/listen/alt-svc.ts";
import type { QlogDialect } from "../../host/qlog/options.ts";
import type { QuicVersionName } from "../../host/quic/quic-options.ts";
import type { MemcacheConfig } from "../../memcache/index.ts";
import type { ConnectUdpOptions } from "../connect-udp/options.ts";
import type { LiveOptions } from "../live/options.ts";
import type { LiveTokenOptions } from "../live/tokens.ts";
import type { AccessLogOptions } from "../operations/access-log/access-log.ts";
import type { DeprecationReportOptions } from "../operations/deprecation/report.ts";
import type { RequestIdOptions } from "../operations/identification/request-id.ts";
import type { TraceContextOptions } from "../operations/identification/traceparent.ts";
import type { LimitsOptions } from "../operations/limits/options.ts";
import type { MetricsOptions } from "../operations/metrics/options.ts";
import type {
  HealthCheckOptions,
  OriginOptions,
  PartialPostReplayOptions,
  PassiveHealthOptions,
  ProxyOptions,
  RetryOptions,
} from "../proxy/options.ts";
import type { HandBackOptions } from "../replay/options.ts";
import type { FetchObject } from "../serve.ts";
import type { UploadOptions } from "../upload/options.ts";

/** A duration such as "500ms", "10s", "2m" or "1h"; a number means milliseconds. */
export type Duration = string | number;

/** A size such as "64 KB", "20 GB" or "512 MiB"; a number means bytes. */
export type Size = string | number;

/** Options of the library as a file has them: durations and sizes may be texts with a unit. */
type WithUnits<Options> = {
  readonly [Name in keyof Options]: Name extends DurationName
    ? Duration | undefined
    : Name extends SizeName
      ? Size | undefined
      : Options[Name];
};

type DurationName =
  | `${string}Timeout`
  | "timeout"
  | "interval"
  | "lookupInterval"
  | "backoff"
  | "maxBackoff"
  | "maxLag"
  | "retryAfter"
  | "maxAge"
  | "cacheAge"
  | "maxLatency"
  | "linger"
  | "absence"
  | "maxRendezvous";
type SizeName =
  | "bufferSize"
  | "maxMemory"
  | "maxSize"
  | "maxAppendSize"
  | "minAppendSize"
  | "cacheBytes"
  | "trackBytes";

/** The default export of a configuration file. */
export interface Config {
  /** The JSON Schema, for editors. Ignored. */
  readonly $schema?: string | undefined;
  /** Where the server listens, and how. */
  readonly listen?: ListenConfig | undefined;
  /**
   * Sites by host name. A name such as "*.example.com" matches one label in place of the star, and "*" every host that no
   * other name matches.
   */
  readonly sites: Readonly<Record<string, SiteConfig>>;
  /** The authority that issues certificates for sites with `tls: "auto"`. */
  readonly acme?: AcmeConfig | undefined;
  /** A memcached proxy as one more listener. */
  readonly memcache?: MemcacheSection | undefined;
  /** Writes a line for each request: to a file, to standard output ("-"), or as the options say. */
  readonly accessLog?: string | AccessLogConfig | undefined;
  /** Gives each request an id: true for the defaults. On with an access log; false turns it off. */
  readonly requestId?: boolean | RequestIdOptions | undefined;
  /** Continues or begins a trace (W3C traceparent) for each request: true for the defaults. Off by default. */
  readonly traceContext?: boolean | TraceContextOptions | undefined;
  /** Addresses and prefixes of proxies in front, such as "10.0.0.0/8". What they say about clients is trusted. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Counts for Prometheus, and opens a listener for `/metrics`, `/healthz` and `/readyz`: true for the defaults. */
  readonly metrics?: boolean | MetricsConfig | undefined;
  /** Refuses connections and requests above these limits. */
  readonly limits?: LimitsConfig | undefined;
  /** Hands requests back to proxies when the server closes (Partial POST Replay): these proxies, or an object. Experimental. */
  readonly handBack?: readonly string[] | HandBackConfig | undefined;
  /** Reports who still calls what is deprecated: to a file, to standard output ("-"), or as the options say. */
  readonly deprecationReport?: string | DeprecationReportConfig | undefined;
}

/** A memcached proxy. Its pools and routes take effect with a reload, without losing clients; the rest with a start. */
export interface MemcacheSection extends MemcacheMembers {
  /**
   * Where clients connect: an address such as "10.0.0.1:11211", the absolute path of a Unix socket, or a list of them.
   * 127.0.0.1:11211 by default.
   */
  readonly listen?: string | readonly string[] | undefined;
  /** Clients at a time. 1024 by default. */
  readonly maxConnections?: number | undefined;
  /** The longest value. 64 MiB by default. */
  readonly maxValue?: Size | undefined;
}

type MemcacheMembers = {
  readonly [Name in keyof MemcacheConfig]:
    | MemcacheConfig[Name]
    | (undefined extends MemcacheConfig[Name] ? undefined : never);
};

/** Hands requests, whose content has not arrived completely, back to proxies that replay them. */
export interface HandBackConfig extends Pick<HandBackOptions, "trusted" | "status" | "directory"> {
  /** What is kept of each request in memory. 256 KiB by default; the rest is kept on disk. */
  readonly memory?: Size | undefined;
}

/** Who still calls what is deprecated. */
export interface DeprecationReportConfig
  extends WithUnits<Pick<DeprecationReportOptions, "to" | "interval" | "address" | "caller" | "maxCallers">> {}

/** The authority for automatic certificates (RFC 8555). Changes of its sites take effect with a reload, others with a start. */
export interface AcmeConfig extends AcmeMembers {
  /** A PEM file: trusted for the authority itself, in addition to Node's roots. For an authority of your own. */
  readonly caFile?: string | undefined;
}

type AcmeMembers = {
  readonly [Name in keyof Omit<AcmeOptions, "domains" | "ca" | "httpPort">]?: AcmeOptions[Name] | undefined;
};

/** Where metrics are read, and what they distinguish. */
export interface MetricsConfig extends Pick<MetricsOptions, "port" | "host" | "sites" | "quic"> {}

/** Limits on clients and on the server's load. */
export interface LimitsConfig extends WithUnits<LimitsOptions> {}

/** Where the access log goes, and what it says. */
export interface AccessLogConfig extends Pick<AccessLogOptions, "to" | "format" | "query" | "address"> {}

/** Where the server listens, and how. Changes take effect when the process starts again. */
export interface ListenConfig {
  /** The port for TCP and UDP. 4433 by default; 0 lets the system choose. */
  readonly port?: number | undefined;
  /** An address or name of this machine. By default "::" (all addresses), but loopback if every certificate is a development one. */
  readonly host?: string | undefined;
  /** Also listens for plain HTTP on this port, and redirects to https. */
  readonly httpPort?: number | undefined;
  /** The port that clients connect to, if a port mapping changes it. */
  readonly publicPort?: number | undefined;
  /** Serves with this many processes; "auto" for one per core. */
  readonly workers?: number | "auto" | undefined;
  /** The user that root becomes once the ports are open. */
  readonly user?: string | undefined;
  /** Its group. The user's own by default. */
  readonly group?: string | undefined;
  /** How long requests in progress may take when the server stops. 10 s by default. */
  readonly grace?: Duration | undefined;
  /** How long connections may last after a reload of workers. 5 min by default. */
  readonly drainTimeout?: Duration | undefined;
  /** How long a client may stall before its connection is closed. 60 s by default. */
  readonly stallTimeout?: Duration | undefined;
  /** Memory that all connections may hold. By default a quarter of the heap, at most 512 MiB. */
  readonly memoryLimit?: Size | undefined;
  /** False disables HTTP/3, and tells clients to forget it. */
  readonly http3?: boolean | undefined;
  /** When QUIC clients must prove their address first. "auto", the default, means under load. */
  readonly retry?: "auto" | "always" | "never" | undefined;
  /** The versions of QUIC, in order of preference. */
  readonly quicVersions?: readonly QuicVersionName[] | undefined;
  /** How HTTP/3 is advertised. */
  readonly altSvc?: AltSvcOptions | undefined;
  /**
   * Another host that serves the same origins, such as "instance31.example.com", or "invalid" to withdraw it: in Alt-SvcB, and in ALTSVCB frames for
   * each of `origins`. Experimental (draft-thomson-httpbis-alt-svcb-01).
   */
  readonly altSvcb?: string | undefined;
  /** Reads PRIORITY_UPDATE frames over HTTP/2, at the cost of CPU. False by default. */
  readonly http2PriorityUpdate?: boolean | undefined;
  /** The origins named in ORIGIN frames (RFC 8336, RFC 9412), for which clients may use one connection. None by default. */
  readonly origins?: readonly string[] | undefined;
  /** Takes WebTransport sessions over HTTP/2 too, in capsules. Experimental. False by default. */
  readonly http2WebTransport?: boolean | undefined;
  /** Load balancers in front that speak the PROXY protocol over TCP. */
  readonly proxyProtocol?: ProxyProtocolConfig | undefined;
  /** Records each HTTP/3 connection in this folder. */
  readonly qlog?: string | QlogConfig | undefined;
}

/** Which peers announce clients by the PROXY protocol. */
export interface ProxyProtocolConfig extends WithUnits<ProxyProtocolOptions> {}

/** Records HTTP/3 connections for tools such as qvis. */
export interface QlogConfig {
  /** The folder for the files. */
  readonly directory: string;
  /** "rfc", the default, or "qvis" for the names that qvis knows. */
  readonly dialect?: QlogDialect | undefined;
}

/** A site: its certificate, and its routes. */
export interface SiteConfig {
  /**
   * The certificate: files, "development" for one that only this machine's user accepts, or "auto" for one from the authority
   * that `acme` names. A site without one uses those of the other sites.
   */
  readonly tls?: "auto" | "development" | TlsFiles | undefined;
  /** The first route whose path and methods match answers a request; 404 if none does. */
  readonly routes: readonly RouteConfig[];
  /** Fields added to every response of this site. An empty value removes the field. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A certificate and its key, as PEM files. Changed files are used within a second. */
export interface TlsFiles {
  /** The server's certificate first, then its chain. */
  readonly certFile: string;
  readonly keyFile: string;
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string | undefined;
}

/**
 * A route has exactly one action: `files`, `proxy`, `redirect`, `respond`, `upload`, `connectUdp`, `live`, `geofeed` or `handler`. The
 * rest modifies it.
 */
export interface RouteConfig {
  /** A URLPattern pathname, such as "/api/*" or "/users/:id". */
  readonly path: string;
  /** The methods that this route answers. All by default. */
  readonly methods?: readonly string[] | undefined;

  /** Serves a folder. */
  readonly files?: string | FilesAction | undefined;
  /** Passes requests on to an origin, such as "http://127.0.0.1:3000", or to several. */
  readonly proxy?: string | ProxyAction["origins"] | ProxyAction | undefined;
  /** Redirects to a path or URL; ":name" is replaced with what the path's group of that name matched. */
  readonly redirect?: string | RedirectAction | undefined;
  /** Responds with a status and a text. */
  readonly respond?: number | RespondAction | undefined;
  /** Accepts resumable uploads (draft-ietf-httpbis-resumable-upload and tus 1.0) into a folder. Experimental. */
  readonly upload?: string | UploadAction | undefined;
  /** Forwards UDP for clients of CONNECT-UDP (RFC 9298) to the targets that it lists. Experimental. */
  readonly connectUdp?: ConnectUdpAction | undefined;
  /** Relays live media (MoQ Transport over WebTransport): true for the defaults. Experimental. */
  readonly live?: true | LiveAction | undefined;
  /** Publishes a geofeed (RFC 8805): the file, or an object. A file that is not valid cannot be used. */
  readonly geofeed?: string | GeofeedAction | undefined;
  /** A function from Request to Response, an object with `fetch` such as a Hono app, or the file of a module that exports one. */
  readonly handler?: string | Handler | FetchObject | undefined;

  /** Removes this prefix from the path before the action sees it. */
  readonly stripPrefix?: string | undefined;
  /** Fields added to every response of this route. An empty value removes the field. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Compresses responses that are worth it with br, zstd or gzip, as the client accepts. True for the defaults. */
  readonly compress?: boolean | CompressConfig | undefined;
  /** The largest request content; larger ones get a 413. No limit by default. */
  readonly maxBodySize?: Size | undefined;
  /** Refuses requests to this route above these limits, in addition to those of the whole server. */
  readonly limits?: RouteLimitsConfig | undefined;
  /** Says since when new uses of this route are discouraged (RFC 9745): a date such as "2026-12-31", or an object. */
  readonly deprecation?: CalendarTime | DeprecationConfig | undefined;
  /** Says from when this route may not answer any more (RFC 8594): a date such as "2027-06-30", or an object. */
  readonly sunset?: CalendarTime | SunsetConfig | undefined;
  /** Asks clients for these hints (RFC 8942), and makes responses vary by them. */
  readonly clientHints?: readonly string[] | ClientHintsConfig | undefined;
  /**
   * Asks clients for Sec-CH-IP-Geo, and tells the action where they are, in the field `nagare-geo`. Never use it to allow or refuse:
   * nobody has authenticated it. Experimental.
   */
  readonly geo?: boolean | GeoConfig | undefined;
}

/** Hints that a route asks for. */
export interface ClientHintsConfig {
  /** Names such as "Sec-CH-UA-Arch". */
  readonly accept?: readonly string[] | undefined;
  /** Hints without which a response would be wrong: clients that can send them repeat their request (Critical-CH). */
  readonly critical?: readonly string[] | undefined;
}

/** Where clients are. */
export interface GeoConfig {
  /** A geofeed that you trust, with which hints are compared. */
  readonly feed?: string | undefined;
  /** True to ask for the hint with Critical-CH, too. */
  readonly critical?: boolean | undefined;
}

/** Publishes a geofeed. */
export interface GeofeedAction {
  /** The file, in CSV as RFC 8805 describes. */
  readonly file: string;
  /** How long readers may keep it. A day by default. */
  readonly maxAge?: Duration | undefined;
}

/** A date such as "2027-06-30", which begins at 00:00 UTC, "2027-06-30T12:00+02:00", or a Date. */
export type CalendarTime = string | Date;

/** Since when a route is discouraged, and in favour of what. */
export interface DeprecationConfig {
  /** In the past or future. Without it, only the links are sent. */
  readonly date?: CalendarTime | undefined;
  /** A page that tells people about it. */
  readonly link?: string | undefined;
  /** The path or URL that replaces the route. */
  readonly successor?: string | undefined;
}

/** When a route ends. */
export interface SunsetConfig {
  readonly date: CalendarTime;
  /** A page or document about what happens then. */
  readonly link?: string | undefined;
  /** True to answer 410 (Gone) from the date on. */
  readonly gone?: boolean | undefined;
}

/** Limits of one route. They count anew after a reload, and in each worker. */
export interface RouteLimitsConfig
  extends Pick<LimitsConfig, "requestsPerSecond" | "burst" | "concurrentRequests" | "retryAfter" | "exempt"> {}

/** Serves a folder. */
export interface FilesAction {
  readonly directory: string;
  /** Serves index.html for paths that match no file, for a single-page application. */
  readonly spa?: boolean | undefined;
  /** Serves a page of links for folders without index.html. */
  readonly listing?: boolean | undefined;
  /** The `cache-control` of every file. By default, browsers revalidate each time. */
  readonly cacheControl?: string | undefined;
  /** A folder whose files replace those of `directory` for clients that send `Prefer: safe` (RFC 8674). */
  readonly safe?: string | undefined;
}

/** Passes requests on to one of several origins. */
export interface ProxyAction
  extends WithUnits<
    Omit<ProxyOptions, "ca" | "log" | "preserveHost" | "healthCheck" | "passiveHealth" | "retry" | "partialPostReplay">
  > {
  /** Origins such as "http://127.0.0.1:3000", "https://app.internal/base" or "unix:/run/app.sock", or with a weight. */
  readonly origins: readonly (string | OriginOptions)[];
  /** A PEM file of the authorities to trust for https origins. */
  readonly caFile?: string | undefined;
  readonly healthCheck?: HealthCheckConfig | undefined;
  readonly passiveHealth?: PassiveHealthConfig | undefined;
  readonly retry?: RetryConfig | undefined;
  /** True, or an object, to replay requests that origins hand back when they shut down: only for origins that you trust. Experimental. */
  readonly partialPostReplay?: boolean | PartialPostReplayConfig | undefined;
}

/** How requests that origins hand back are replayed. */
export interface PartialPostReplayConfig extends WithUnits<Omit<PartialPostReplayOptions, "memory">> {
  /** What is kept in memory of what comes back. 256 KiB by default; the rest is kept on disk. */
  readonly memory?: Size | undefined;
}

/** Requests that ask origins whether they work. */
export interface HealthCheckConfig extends WithUnits<HealthCheckOptions> {}

/** When requests that failed make the proxy skip an origin. */
export interface PassiveHealthConfig extends WithUnits<PassiveHealthOptions> {}

/** Which failed requests are sent again. */
export interface RetryConfig extends WithUnits<RetryOptions> {}

/** Redirects requests. */
export interface RedirectAction {
  /** A path or URL; ":name" is replaced with what the path's group of that name matched. */
  readonly to: string;
  /** 308 by default. */
  readonly status?: 301 | 302 | 303 | 307 | 308 | undefined;
  /** False drops the request's query. True by default. */
  readonly keepQuery?: boolean | undefined;
}

/** Responds with a fixed response. */
export interface RespondAction {
  /** 200 by default. */
  readonly status?: number | undefined;
  readonly body?: string | undefined;
  /** "text/plain; charset=utf-8" by default. */
  readonly contentType?: string | undefined;
}

/** Forwards UDP for clients of CONNECT-UDP (RFC 9298). Experimental. */
export interface ConnectUdpAction extends WithUnits<Omit<ConnectUdpOptions, "log">> {}

/** Relays live media between publishers and viewers. Experimental. */
export interface LiveAction extends WithUnits<Omit<LiveOptions, "log" | "page">> {
  /** JSON Web Tokens decide who may publish and watch what. Needs the package `jose`. */
  readonly tokens?: LiveTokenOptions | undefined;
  /** A page with a player for browsers that open the route's path. False by default. */
  readonly page?: boolean | undefined;
}

/** Accepts resumable uploads into a folder. Experimental. */
export interface UploadAction
  extends WithUnits<Omit<UploadOptions, "log" | "storage" | "onProgress" | "directory" | "trustedProxies">> {
  /** The folder for finished files; incomplete uploads are in `.uploads/` below it. */
  readonly directory: string;
  /** Addresses and prefixes of proxies in front, whose X-Forwarded-For or Forwarded is trusted. */
  readonly trustedProxies?: readonly string[] | undefined;
}

/** When responses are compressed. */
export interface CompressConfig {
  /** The codings, in order of preference. br, zstd and gzip by default; zstd needs Node 22.15 or later. */
  readonly codings?: readonly ("br" | "zstd" | "gzip")[] | undefined;
  /** Responses with less content are sent as they are. 1 KB by default. */
  readonly minSize?: Size | undefined;
}

/** Gives a configuration its type. */
export const defineConfig = (config: Config): Config => config;
