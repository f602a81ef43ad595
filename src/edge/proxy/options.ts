/** The options of a proxy: plain data, in milliseconds and bytes, so that a configuration file can pass them through. */
import type { OriginPoolOptions } from "../../host/client/origin-pool.ts";
import { describeFault, type Fault } from "../../host/guard.ts";
import { ServeError } from "../../host/listen/errors.ts";
import { duration } from "../../host/timer.ts";
import { isAuthority, isFieldName, isToken } from "../../http/index.ts";
import { checkReplayStatus } from "../replay/options.ts";
import { TrustedProxies } from "../trusted-proxies.ts";
import type { CallSettings, ReplaySettings } from "./call/call.ts";
import { parseOrigin } from "./origins/address.ts";
import type { HealthCheckSettings } from "./origins/checks.ts";
import type { PassiveHealthSettings } from "./origins/health.ts";
import type { OriginSettings } from "./origins/origin.ts";
import type { Balance } from "./origins/policies.ts";

/** One origin. */
export interface OriginOptions {
  /**
   * `http://host:port`, `https://host` (HTTP/2 or HTTP/1.1, as TLS selects), `h2://host` (HTTP/2 over TLS), `h2c://host`
   * (HTTP/2 without TLS), `h3://host:port`, `unix:/path`, `host:port`, or a port of this machine.
   */
  readonly url: string;
  /** Its share of the requests, relative to the other origins; 1 by default. */
  readonly weight?: number | undefined;
  /** Overrides the proxy's `maxConnections`. */
  readonly maxConnections?: number | undefined;
  /**
   * Tells the origin the client's address by a header of the PROXY protocol, version 1 or 2. Each request then has a connection
   * of its own. Not over HTTP/3.
   */
  readonly proxyProtocol?: 1 | 2 | undefined;
}

/** Requests that ask origins whether they work. */
export interface HealthCheckOptions {
  /** The path and query to request with GET. */
  readonly path: string;
  /** Milliseconds between the end of a check and the next; 5 s by default. */
  readonly interval?: number | undefined;
  /** The share of the interval by which it varies at random, so that proxies do not check in step; 0.2 by default. */
  readonly jitter?: number | undefined;
  /** Milliseconds for a check; 2 s by default. */
  readonly timeout?: number | undefined;
  /** The statuses of a healthy origin, such as 204 or "200-299"; "200-399" by default. */
  readonly status?: number | string | readonly (number | string)[] | undefined;
  /** Consecutive failed checks after which an origin gets no requests; 2 by default. */
  readonly unhealthyAfter?: number | undefined;
  /** Consecutive successful checks after which it gets requests again; 2 by default. */
  readonly healthyAfter?: number | undefined;
  /** The Host of the check; that of the origin by default. */
  readonly host?: string | undefined;
}

/** When requests that failed make the proxy skip an origin. */
export interface PassiveHealthOptions {
  /** Consecutive failures; 3 by default. A connection that cannot be made is enough in any case. */
  readonly failures?: number | undefined;
  /** Milliseconds for which the origin is skipped, unless there is no other; 1 s by default. Doubles while it fails. */
  readonly backoff?: number | undefined;
  /** Milliseconds; 30 s by default. */
  readonly maxBackoff?: number | undefined;
}

/** Which failed requests are sent again (RFC 9110 §9.2.2 permits it if they were not processed, or are idempotent). */
export interface RetryOptions {
  /** Further attempts for a request; 3 by default, 0 for none. */
  readonly attempts?: number | undefined;
  /** Retries for each request that all of them may cause on average, after the first 500; 0.2 by default. */
  readonly budget?: number | undefined;
  /** Bytes of a request's content that are kept until the response, so that it can be sent again; 64 KiB by default, 1 MiB with `partialPostReplay`. */
  readonly bufferSize?: number | undefined;
}

/** Requests that origins hand back when they shut down are replayed elsewhere (Partial POST Replay). */
export interface PartialPostReplayOptions {
  /** The status of a response that hands a request back; 379 by default. */
  readonly status?: number | undefined;
  /** Replays of one request; 3 by default. */
  readonly maxReplays?: number | undefined;
  /** Bytes of what comes back that are kept in memory; 256 KiB by default. The rest is kept on disk. */
  readonly memory?: number | undefined;
  /** The folder for what is kept on disk; the system's for temporary files by default. */
  readonly directory?: string | undefined;
  /** Milliseconds between two chunks that come back; 30 s by default. */
  readonly timeout?: number | undefined;
}

export interface ProxyOptions {
  /** How origins share the requests; "round-robin" by default. */
  readonly balance?: Balance | undefined;
  readonly healthCheck?: HealthCheckOptions | undefined;
  readonly passiveHealth?: PassiveHealthOptions | undefined;
  readonly retry?: RetryOptions | undefined;
  /**
   * True to replay requests that an origin hands back when it shuts down (`handBack` of a Nagare server). A hostile origin could forge
   * requests by that: only for origins that you trust. Experimental.
   */
  readonly partialPostReplay?: boolean | PartialPostReplayOptions | undefined;
  /** Connections to one origin at most; 256 by default. Those of WebSocket and other tunnels do not count. */
  readonly maxConnections?: number | undefined;
  /** Requests that wait for a connection to one origin at most; further ones get a 503. 1024 by default. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds that a request waits for a connection at most, and then gets a 503; 30 s by default. */
  readonly waitTimeout?: number | undefined;
  /** Milliseconds for connecting to an origin; 5 s by default. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds between two chunks of the request body, while the origin has not answered; 5 min by default. */
  readonly requestBodyTimeout?: number | undefined;
  /** Milliseconds until the response head; 60 s by default. */
  readonly headersTimeout?: number | undefined;
  /** Milliseconds between two chunks of the response body; 5 min by default. */
  readonly bodyTimeout?: number | undefined;
  /** Milliseconds for a request, its retries and its response in all; no limit by default. Not for tunnels. */
  readonly timeout?: number | undefined;
  /** Milliseconds that a WebSocket, or another tunnel, may be silent in both directions; 1 h by default. */
  readonly tunnelTimeout?: number | undefined;
  /** Milliseconds that an unused connection stays open; 4 s over HTTP/1.1, and 60 s over HTTP/2 by default. */
  readonly idleTimeout?: number | undefined;
  /** Milliseconds after which the names of origins are looked up again; 30 s by default. */
  readonly lookupInterval?: number | undefined;
  /**
   * True if the origin receives the client's Host. The default is true without TLS, since that is usually an application
   * on the same machine, and false with TLS, since such an origin has its own name.
   */
  readonly preserveHost?: boolean | undefined;
  /**
   * The Host that origins receive: "client" for the client's Host, "origin" for the origin's own, or a name. Overrides
   * `preserveHost`.
   */
  readonly hostHeader?: string | undefined;
  /**
   * Addresses and prefixes (CIDR) of proxies in front of this one, whose Forwarded and X-Forwarded-* are believed. The client
   * is then the rightmost address that is not one of theirs. None by default.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /** True to trust every peer like that: only if nothing else can connect. */
  readonly trustForwarded?: boolean | undefined;
  /**
   * True to pass what clients change of priorities on to origins over HTTP/2 and TLS, too, if they read PRIORITY_UPDATE frames (RFC 9218
   * §7.1). It costs CPU: all bytes of such connections go through JavaScript. Origins over HTTP/3 always learn it. False by default.
   */
  readonly http2PriorityUpdate?: boolean | undefined;
  /** PEM of the authorities to trust for origins with TLS. */
  readonly ca?: string | Uint8Array | undefined;
  /** False accepts any certificate from an origin, even that of an impostor. True by default. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Receives a line about each failed origin. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface ProxySettings {
  readonly origins: readonly OriginSettings[];
  readonly balance: Balance;
  readonly check: HealthCheckSettings | undefined;
  readonly call: CallSettings;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

/** Checks all options. Throws a ServeError that names the first wrong one. */
export function proxySettings(origins: readonly (string | OriginOptions)[], options: ProxyOptions): ProxySettings {
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const onFault = (fault: Fault): void => log(describeFault(fault));
  if (origins.length === 0) throw invalid("origins is empty: give at least one, like http://127.0.0.1:3000");
  const passive = passiveSettings(options.passiveHealth ?? {});
  const pool = poolOptions(options, onFault);
  return {
    origins: origins.map((origin) => originSettings(origin, pool, passive)),
    balance: balanceOf(options.balance ?? "round-robin"),
    check: options.healthCheck === undefined ? undefined : checkSettings(options.healthCheck),
    call: callSettings(options, log, onFault),
    log,
    onFault,
  };
}

type SharedPoolOptions = Omit<OriginPoolOptions, "protocol" | "path">;

function poolOptions(options: ProxyOptions, onFault: (fault: Fault) => void): SharedPoolOptions {
  const { ca, idleTimeout } = options;
  return {
    connectTimeout: duration("connectTimeout", options.connectTimeout ?? 5_000),
    idleTimeout: idleTimeout === undefined ? undefined : duration("idleTimeout", idleTimeout),
    lookupInterval: duration("lookupInterval", options.lookupInterval ?? 30_000),
    maxConnections: count("maxConnections", options.maxConnections ?? 256, 1),
    maxWaiting: count("maxWaiting", options.maxWaiting ?? 1_024, 0),
    ca: ca === undefined || typeof ca === "string" ? ca : Buffer.from(ca).toString("utf8"),
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    http2PriorityUpdate: options.http2PriorityUpdate ?? false,
    onFault,
  };
}

function originSettings(
  given: string | OriginOptions,
  pool: SharedPoolOptions,
  passive: PassiveHealthSettings,
): OriginSettings {
  const {
    url,
    weight = 1,
    maxConnections = pool.maxConnections,
    proxyProtocol,
  }: OriginOptions = typeof given === "string" ? { url: given } : given;
  if (typeof url !== "string") throw invalid("an origin has no url: give one like http://127.0.0.1:3000");
  if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
    throw invalid(`the weight ${weight} of ${url} is not a share: give a number above 0`);
  }
  const address = parseOrigin(url);
  if (proxyProtocol !== undefined && proxyProtocol !== 1 && proxyProtocol !== 2) {
    throw invalid(`proxyProtocol ${proxyProtocol} of ${url} is unknown: give 1 or 2`);
  }
  if (proxyProtocol !== undefined && address.protocol === "h3") {
    throw invalid(`proxyProtocol of ${url}: QUIC has none; leave it out, or use h2://`);
  }
  return {
    address,
    weight,
    proxyProtocol,
    passive,
    pool: {
      ...pool,
      protocol: address.protocol,
      path: address.path,
      maxConnections: count(`maxConnections of ${url}`, maxConnections, 1),
    },
  };
}

function callSettings(
  options: ProxyOptions,
  log: (line: string) => void,
  onFault: (fault: Fault) => void,
): CallSettings {
  const { hostHeader, preserveHost, retry = {} } = options;
  if (hostHeader !== undefined && !isAuthority(hostHeader)) {
    throw invalid(`hostHeader ${hostHeader} is not a host: give client, origin, or a name`);
  }
  return {
    waitTimeout: duration("waitTimeout", options.waitTimeout ?? 30_000),
    requestBodyTimeout: duration("requestBodyTimeout", options.requestBodyTimeout ?? 300_000),
    headersTimeout: duration("headersTimeout", options.headersTimeout ?? 60_000),
    bodyTimeout: duration("bodyTimeout", options.bodyTimeout ?? 300_000),
    timeout: duration("timeout", options.timeout ?? Number.POSITIVE_INFINITY),
    tunnelTimeout: duration("tunnelTimeout", options.tunnelTimeout ?? 3_600_000),
    retries: count("retry.attempts", retry.attempts ?? 3, 0),
    retryBudget: share("retry.budget", retry.budget ?? 0.2),
    // An origin that shuts down refuses requests whose content is on the way, at most a window of flow control.
    replayLimit: count("retry.bufferSize", retry.bufferSize ?? (options.partialPostReplay ? 1_048_576 : 65_536), 0),
    replay: replaySettings(options.partialPostReplay ?? false, onFault),
    hostHeader: hostHeader ?? (preserveHost === undefined ? undefined : preserveHost ? "client" : "origin"),
    trustedProxies: new TrustedProxies(options.trustForwarded === true ? EVERYONE : (options.trustedProxies ?? [])),
    log,
    onFault,
  };
}

function replaySettings(
  given: boolean | PartialPostReplayOptions,
  onFault: (fault: Fault) => void,
): ReplaySettings | undefined {
  if (given === false) return undefined;
  const { status, maxReplays, memory, directory, timeout }: PartialPostReplayOptions = given === true ? {} : given;
  return {
    status: checkReplayStatus("partialPostReplay.status", status),
    maxReplays: count("partialPostReplay.maxReplays", maxReplays ?? 3, 0),
    timeout: duration("partialPostReplay.timeout", timeout ?? 30_000),
    memory,
    directory,
    onFault,
  };
}

function balanceOf(balance: string): Balance {
  if (balance === "round-robin" || balance === "least-connections" || balance === "address") return balance;
  const [kind, name = ""] = balance.split(/:(.*)/s);
  if (kind === "header" && isFieldName(name.toLowerCase())) return `header:${name.toLowerCase()}`;
  if (kind === "cookie" && isToken(name)) return `cookie:${name}`;
  throw invalid(
    `balance ${balance} is unknown: give round-robin, least-connections, address, header:NAME or cookie:NAME`,
  );
}

function passiveSettings(options: PassiveHealthOptions): PassiveHealthSettings {
  const backoff = duration("passiveHealth.backoff", options.backoff ?? 1_000);
  return {
    failures: count("passiveHealth.failures", options.failures ?? 3, 1),
    backoff,
    maxBackoff: Math.max(backoff, duration("passiveHealth.maxBackoff", options.maxBackoff ?? 30_000)),
  };
}

function checkSettings(options: HealthCheckOptions): HealthCheckSettings {
  const { path, host } = options;
  if (typeof path !== "string" || !/^\/[\x21\x22\x24-\x7e]*$/.test(path)) {
    throw invalid(`healthCheck.path ${path} is not a path: give one like /healthz`);
  }
  if (host !== undefined && !isAuthority(host)) throw invalid(`healthCheck.host ${host} is not a host: give a name`);
  return {
    path,
    host,
    interval: duration("healthCheck.interval", options.interval ?? 5_000),
    jitter: share("healthCheck.jitter", options.jitter ?? 0.2),
    timeout: duration("healthCheck.timeout", options.timeout ?? 2_000),
    isHealthy: statusTest(options.status ?? "200-399"),
    unhealthyAfter: count("healthCheck.unhealthyAfter", options.unhealthyAfter ?? 2, 1),
    healthyAfter: count("healthCheck.healthyAfter", options.healthyAfter ?? 2, 1),
  };
}

function statusTest(given: NonNullable<HealthCheckOptions["status"]>): (status: number) => boolean {
  const ranges = [given].flat().map((each) => {
    const match = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(each));
    if (match === null) throw invalid(`healthCheck.status ${each} is not a status: give one like 200 or "200-299"`);
    return [Number(match[1]), Number(match[2] ?? match[1])] as const;
  });
  return (status) => ranges.some(([from, to]) => status >= from && status <= to);
}

function count(name: string, value: number, minimum: number): number {
  if ((Number.isInteger(value) && value >= minimum) || value === Number.POSITIVE_INFINITY) return value;
  throw invalid(`${name} is ${value}: give a whole number of at least ${minimum}`);
}

function share(name: string, value: number): number {
  if (value >= 0 && value <= 1) return value;
  throw invalid(`${name} is ${value}: give a number from 0 to 1`);
}

const EVERYONE = ["0.0.0.0/0", "::/0"];

const invalid = (message: string): ServeError => new ServeError("OPTION_INVALID", message);
