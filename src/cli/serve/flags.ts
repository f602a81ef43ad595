// The options that serve and proxy share, combined with the environment.

import { type Command, Option } from "commander";
import type { CongestionControl } from "../../congestion/index.ts";
import type { ValidConfig } from "../../edge/config/index.ts";
import { parseDuration as parseDurationText, parseSize as parseSizeText } from "../../edge/config/units.ts";
import type { AccessLogFormat, LimitsOptions, MetricsOptions, QueryPolicy } from "../../edge/operations/index.ts";
import type { WorkersOption } from "../../edge/workers/options.ts";
import type { ManagedSource } from "../../host/acme/managed-certificates.ts";
import type { RetryPolicy } from "../../host/http/listener.ts";
import type { ProxyProtocolOptions } from "../../host/http/proxy-protocol-gate.ts";
import type { AltSvcOptions } from "../../host/listen/alt-svc.ts";
import type { QlogDialect } from "../../host/qlog/options.ts";
import type { QuicVersionName } from "../../host/quic/quic-options.ts";
import { MAX_WORKERS } from "../../host/workers/place.ts";
import { ipVersion } from "../../wire/ip-address.ts";
import { congestionControlOption } from "../congestion-control.ts";
import { usageError } from "../fail.ts";
import type { Io } from "../io.ts";
import { type QlogFlags, qlogDialectOption, qlogFrom, qlogOption } from "../qlog.ts";
import { quicVersionsOption } from "../quic-versions.ts";
import { type AcmeFlags, addAcmeOptions, readAcme } from "./acme-flags.ts";

export interface ServerFlags extends AcmeFlags {
  readonly port?: string;
  readonly host?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False with --no-watch. */
  readonly watch: boolean;
  readonly grace?: string;
  readonly workers?: string;
  readonly drainTimeout?: string;
  readonly httpPort?: string;
  readonly keylog?: string;
  readonly qlog?: string;
  readonly qlogDialect?: QlogDialect;
  readonly retry?: true;
  readonly quicVersions?: readonly QuicVersionName[];
  readonly congestionControl?: CongestionControl;
  readonly stallTimeout?: string;
  readonly memoryLimit?: string;
  readonly trustedProxies?: string;
  readonly proxyProtocol?: string;
  readonly open?: true;
  readonly json?: true;
  readonly log?: true;
  readonly accessLog?: string;
  readonly logFormat?: AccessLogFormat;
  readonly logQuery?: QueryPolicy;
  readonly rateLimit?: string;
  readonly connectionLimit?: string;
  readonly maxLag?: string;
  readonly user?: string;
  readonly group?: string;
  readonly metricsPort?: string;
  readonly metricsHost?: string;
  readonly name?: readonly string[];
  /** False with --no-h3. */
  readonly h3: boolean;
  readonly altSvcMaxAge?: string;
  readonly publicPort?: string;
}

export interface ServerSettings {
  readonly port: number;
  readonly host: string;
  /** Empty to use a development certificate. */
  readonly certificates: readonly ManagedSource[];
  /** True to use changed files. */
  readonly watch: boolean;
  /** Milliseconds that pending requests get to finish once the server is stopping. */
  readonly grace: number;
  /** Undefined to serve with this process. */
  readonly workers: WorkersOption | undefined;
  /** Milliseconds that the previous workers have after a reload; undefined for the default. */
  readonly drainTimeout: number | undefined;
  readonly httpPort: number | undefined;
  readonly keylog: string | undefined;
  readonly qlog: QlogFlags | undefined;
  /** When QUIC clients must validate their address first. */
  readonly retry: RetryPolicy;
  readonly quicVersions: readonly QuicVersionName[] | undefined;
  readonly congestionControl: CongestionControl | undefined;
  /** Milliseconds; undefined for the default. */
  readonly stallTimeout: number | undefined;
  /** Bytes; undefined for the default. */
  readonly memoryLimit: number | undefined;
  /** Addresses and prefixes of proxies in front of the server. */
  readonly trustedProxies: readonly string[] | undefined;
  readonly proxyProtocol: ProxyProtocolOptions | undefined;
  readonly http2PriorityUpdate: boolean | undefined;
  readonly origins: readonly string[] | undefined;
  readonly altSvcb: string | undefined;
  readonly http2WebTransport: boolean | undefined;
  readonly open: boolean;
  readonly json: boolean;
  /** True to print a line for each request. */
  readonly log: boolean;
  /** Undefined without an access log. */
  readonly accessLog: ValidConfig["accessLog"];
  /** Further operations, of a configuration file. */
  readonly operations: Pick<ValidConfig, OperationName>;
  /** The user and group to become; undefined to stay. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  /** Undefined for no limits. */
  readonly limits: LimitsOptions | undefined;
  /** Undefined to not count. */
  readonly metrics: MetricsOptions | undefined;
  /** What is logged of queries; undefined for the default. */
  readonly logQuery: QueryPolicy | undefined;
  /** Names and addresses to put in the development certificate, in addition to localhost. */
  readonly names: readonly string[];
  /** True to serve HTTP/3. If false, tells clients to forget it. */
  readonly http3: boolean;
  readonly altSvc: AltSvcOptions;
  /** The port that clients connect to, if a port mapping changes it. */
  readonly publicPort: number | undefined;
}

export const addServerOptions = (command: Command): Command =>
  addAcmeOptions(command)
    .addOption(new Option("-p, --port <port>", "TCP and UDP port; 0 picks a free one").env("PORT"))
    .addOption(
      new Option(
        "-H, --host <host>",
        "address or name to listen on; :: means all, the default with --cert, --acme or --name",
      ).env("HOST"),
    )
    .addOption(
      new Option("--name <name>", "an additional name or address for the development certificate").argParser(
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      ),
    )
    .addOption(
      new Option("--cert <file>", "PEM: the certificate, then its chain; without it, a development certificate"),
    )
    .addOption(new Option("--key <file>", "PEM: the certificate's key"))
    .addOption(new Option("--no-watch", "do not watch --cert and --key for new files; SIGHUP still reloads them"))
    .addOption(new Option("--grace <time>", "time that requests get to finish when the server stops (10s)"))
    .addOption(new Option("--workers <n>", "serve with n processes, which nagare reload replaces; auto: one per core"))
    .addOption(
      new Option("--drain-timeout <time>", "time that connections may last after a reload with --workers (5m)"),
    )
    .addOption(new Option("--http-port <port>", "also listen for plain HTTP here, and redirect to https"))
    .addOption(new Option("--keylog <file>", "append the TLS keys, for Wireshark; they decrypt all traffic"))
    .addOption(qlogOption())
    .addOption(qlogDialectOption())
    .addOption(new Option("--retry", "always make QUIC clients validate their address first, not only under load"))
    .addOption(quicVersionsOption())
    .addOption(congestionControlOption())
    .addOption(new Option("--stall-timeout <time>", "close connections that stall for this long (60s)"))
    .addOption(new Option("--memory-limit <size>", "memory for all connections, such as 256M (a quarter of the heap)"))
    .addOption(
      new Option("--trusted-proxies <list>", "proxies in front, such as 10.0.0.0/8,::1, whose X-Forwarded-For counts"),
    )
    .addOption(
      new Option(
        "--proxy-protocol <list>",
        "load balancers in front, such as 10.0.0.0/8, that send PROXY headers over TCP",
      ),
    )
    .addOption(new Option("--open", "open the page in a Chromium that accepts the certificate over HTTP/3"))
    .addOption(new Option("--no-h3", "disable HTTP/3, and tell clients to forget it; also set by NAGARE_DISABLE_H3=1"))
    .addOption(new Option("--public-port <port>", "the port that clients connect to, if a port mapping changes it"))
    .addOption(new Option("--alt-svc-max-age <time>", "how long clients may remember HTTP/3; 1h by default"))
    .addOption(new Option("--log", "print a line for each request on stderr"))
    .addOption(
      new Option("--access-log <file>", "append a line for each request to a file, reopened on SIGHUP; - is stdout"),
    )
    .addOption(
      new Option("--log-format <format>", "of --access-log: one JSON object per line, or NCSA's formats").choices([
        "json",
        "common",
        "combined",
        "text",
      ]),
    )
    .addOption(
      new Option("--log-query <policy>", "what logs hold of queries: names (the default), full, or none").choices([
        "names",
        "full",
        "none",
      ]),
    )
    .addOption(new Option("--user <name>", "the user that root becomes once the ports are open"))
    .addOption(new Option("--group <name>", "its group; the user's own by default"))
    .addOption(new Option("--rate-limit <n>", "requests per second of one client; more get a 429"))
    .addOption(new Option("--connection-limit <n>", "open connections of one client"))
    .addOption(new Option("--max-lag <time>", "refuse a share of requests while the event loop is later than this"))
    .addOption(new Option("--metrics-port <port>", "serve /metrics, /healthz and /readyz over plain HTTP here"))
    .addOption(new Option("--metrics-host <host>", "the address of --metrics-port; 127.0.0.1 by default"))
    .addOption(new Option("--json", "print one JSON object per event on stdout"));

const DEFAULT_PORT = 4433;
/** Milliseconds. */
const DEFAULT_GRACE = 10_000;

/** What a configuration file says; flags and the environment win over it. */
export interface ConfiguredServer {
  readonly listen: NonNullable<ValidConfig["listen"]>;
  readonly certificates: readonly ManagedSource[];
  /** True if only this machine's user accepts the certificates. */
  readonly isDevelopment: boolean;
  readonly operations: Pick<ValidConfig, OperationName>;
}

type OperationName =
  | "accessLog"
  | "deprecationReport"
  | "handBack"
  | "requestId"
  | "traceContext"
  | "trustedProxies"
  | "metrics"
  | "limits";

const UNCONFIGURED: ConfiguredServer = { listen: {}, certificates: [], isDevelopment: true, operations: {} };

export function readSettings(flags: ServerFlags, io: Io, configured: ConfiguredServer = UNCONFIGURED): ServerSettings {
  const { listen } = configured;
  const { cert, key } = flags;
  if ((cert === undefined) !== (key === undefined)) {
    throw usageError(cert === undefined ? "--key without --cert" : "--cert without --key", "give both");
  }
  const acme = readAcme(flags);
  if (acme !== undefined && (cert !== undefined || flags.name !== undefined)) {
    throw usageError(`--acme with ${cert === undefined ? "--name" : "--cert"}`, "give one or the other");
  }
  const names = flags.name ?? [];
  if (cert !== undefined && names.length > 0) {
    throw usageError("--name with --cert", "the certificate already has its names");
  }
  checkNames(names);
  const certificates: readonly ManagedSource[] =
    acme !== undefined
      ? [{ auto: acme }]
      : cert === undefined || key === undefined
        ? configured.certificates
        : [{ certFile: cert, keyFile: key }];
  // A server with a development certificate is for this machine only, unless --name adds others.
  const isLocal = cert === undefined && acme === undefined && configured.isDevelopment && names.length === 0;
  const host = flags.host ?? listen.host ?? (isLocal ? "localhost" : "::");
  const publicPort = flags.publicPort === undefined ? listen.publicPort : port(flags.publicPort, "--public-port", 1);
  const http3 = flags.h3 && listen.http3 !== false;
  const optional = <T>(text: string | undefined, parse: (text: string) => T, value: T | undefined): T | undefined =>
    text === undefined ? value : parse(text);
  return {
    port: optional(flags.port, (text) => port(text, "--port"), listen.port) ?? DEFAULT_PORT,
    host,
    certificates,
    watch: flags.watch,
    grace: optional(flags.grace, (text) => parseDuration(text, "--grace"), listen.grace) ?? DEFAULT_GRACE,
    workers: workers(flags, listen.workers),
    drainTimeout: optional(flags.drainTimeout, (text) => parseDuration(text, "--drain-timeout"), listen.drainTimeout),
    httpPort: optional(flags.httpPort, (text) => port(text, "--http-port"), listen.httpPort),
    keylog: keylogPath(flags.keylog, host, io),
    qlog: qlogFrom(flags, io) ?? (listen.qlog === undefined ? undefined : { dialect: undefined, ...listen.qlog }),
    retry: flags.retry === true ? "always" : (listen.retry ?? "auto"),
    quicVersions: flags.quicVersions ?? listen.quicVersions,
    congestionControl: flags.congestionControl,
    stallTimeout: optional(flags.stallTimeout, (text) => parseDuration(text, "--stall-timeout"), listen.stallTimeout),
    trustedProxies: flags.trustedProxies?.split(","),
    proxyProtocol:
      flags.proxyProtocol === undefined ? listen.proxyProtocol : { trusted: flags.proxyProtocol.split(",") },
    http2PriorityUpdate: listen.http2PriorityUpdate,
    origins: listen.origins,
    altSvcb: listen.altSvcb,
    http2WebTransport: listen.http2WebTransport,
    memoryLimit: optional(flags.memoryLimit, (text) => parseSize(text, "--memory-limit"), listen.memoryLimit),
    open: flags.open === true,
    json: flags.json === true,
    log: flags.log === true,
    accessLog: accessLogOf(flags) ?? configured.operations.accessLog,
    operations: configured.operations,
    logQuery: flags.logQuery,
    metrics: metricsOf(flags) ?? configuredMetrics(configured.operations.metrics),
    limits: limitsOf(flags) ?? configured.operations.limits,
    user: userOf(flags) ?? listen.user,
    group: flags.group ?? (flags.user === undefined ? listen.group : undefined),
    names,
    http3,
    altSvc: {
      ...listen.altSvc,
      ...(http3 ? {} : { clear: true }),
      ...(publicPort === undefined ? {} : { port: publicPort }),
      ...(flags.altSvcMaxAge === undefined
        ? {}
        : { maxAge: Math.round(parseDuration(flags.altSvcMaxAge, "--alt-svc-max-age") / 1000) }),
    },
    publicPort,
  };
}

function limitsOf({ rateLimit, connectionLimit, maxLag }: ServerFlags): LimitsOptions | undefined {
  if (rateLimit === undefined && connectionLimit === undefined && maxLag === undefined) return undefined;
  return {
    requestsPerSecond: rateLimit === undefined ? undefined : positive(rateLimit, "--rate-limit"),
    connectionsPerAddress: connectionLimit === undefined ? undefined : positive(connectionLimit, "--connection-limit"),
    maxLag: maxLag === undefined ? undefined : parseDuration(maxLag, "--max-lag"),
  };
}

function userOf({ user, group }: ServerFlags): string | undefined {
  if (group !== undefined && user === undefined) throw usageError("--group without --user", "give both");
  return user;
}

function positive(text: string, option: string): number {
  const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (number > 0) return number;
  throw usageError(`${option} ${text} is not a limit`, "give a number above 0");
}

function configuredMetrics(metrics: ValidConfig["metrics"]): MetricsOptions | undefined {
  return typeof metrics === "object" ? metrics : metrics === true ? {} : undefined;
}

function metricsOf({ metricsPort, metricsHost }: ServerFlags): ServerSettings["metrics"] {
  if (metricsPort !== undefined) return { port: port(metricsPort, "--metrics-port"), host: metricsHost };
  if (metricsHost !== undefined) throw usageError("--metrics-host without --metrics-port", "give both");
  return undefined;
}

function accessLogOf({ accessLog, logFormat, json }: ServerFlags): ServerSettings["accessLog"] {
  if (accessLog === undefined) {
    if (logFormat !== undefined) throw usageError("--log-format without --access-log", "give both");
    return undefined;
  }
  if (accessLog === "-" && json === true) {
    throw usageError("--access-log - with --json", "both print requests on stdout; give one");
  }
  return { to: accessLog, format: logFormat };
}

function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (ipVersion(name) !== undefined || /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i.test(name)) continue;
    throw usageError(`--name ${name} is not a host name or address`);
  }
}

function port(text: string, option: string, minimum = 0): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= minimum && number <= 65_535)) {
    throw usageError(`${option} ${text} is not a port`, `give a number from ${minimum} to 65535`);
  }
  return number;
}

function workers(
  { workers: text, drainTimeout }: ServerFlags,
  configured: WorkersOption | undefined,
): WorkersOption | undefined {
  if (text === undefined) {
    if (configured !== undefined) return configured;
    if (drainTimeout !== undefined) throw usageError("--drain-timeout without --workers", "give both");
    return undefined;
  }
  return parseWorkers(text);
}

/** Parses a number of processes, or "auto". */
export function parseWorkers(text: string): WorkersOption {
  if (text === "auto") return text;
  const number = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_WORKERS) return number;
  throw usageError(`--workers ${text} is not a number of processes`, `give a number from 1 to ${MAX_WORKERS}, or auto`);
}

/** Parses a duration such as 500ms, 10s or 2m, in milliseconds. A number alone means seconds. */
export function parseDuration(text: string, option: string): number {
  const milliseconds = parseDurationText(/^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text);
  if (milliseconds === undefined)
    throw usageError(`${option} ${text} is not a duration`, "give one such as 10s or 500ms");
  return milliseconds;
}

/** Parses a size such as 512K, 256M or 20GB. A number alone means bytes, and a letter alone a power of 1024. */
export function parseSize(text: string, option: string): number {
  const unit = /\d$/.test(text) ? "B" : /[KMG]$/i.test(text) ? "iB" : "";
  const bytes = parseSizeText(text + unit);
  if (bytes === undefined || bytes === 0) {
    throw usageError(`${option} ${text} is not a size`, "give one such as 256M or 2G");
  }
  return bytes;
}

/** SSLKEYLOGFILE may have been set for another program, so it applies only to servers on loopback. */
function keylogPath(flag: string | undefined, host: string, io: Io): string | undefined {
  if (flag !== undefined) return flag;
  const { SSLKEYLOGFILE: path } = io.env;
  if (path === undefined || path === "") return undefined;
  if (isLoopback(host)) return path;
  io.stderr.write(
    `nagare: SSLKEYLOGFILE is ignored unless the server listens on loopback; use --keylog ${path}, or --host localhost\n`,
  );
  return undefined;
}

export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return ipVersion(host) === 4 && host.startsWith("127.");
}
