/**
 * `serve`: runs a function from Request to Response over HTTP/1.1, HTTP/2 and HTTP/3 on one port. It can be called like
 * `Deno.serve` and `Bun.serve`.
 */

import type { AutoSource } from "../host/acme/managed-certificates.ts";
import {
  type CertificateSource,
  type Certificates,
  type Identities,
  loadCertificates,
} from "../host/certificates/certificates.ts";
import { describeFault, detach, type Fault, guard } from "../host/guard.ts";
import type { HttpVersion } from "../host/http/exchange.ts";
import { createFetchHandler, type Handler } from "../host/http/fetch-handler.ts";
import type { BoundAddress, EarlyDataPolicy, RetryPolicy } from "../host/http/listener.ts";
import type { AltSvcOptions } from "../host/listen/alt-svc.ts";
import { ServeError } from "../host/listen/errors.ts";
import type { QuicMetrics } from "../host/metrics/quic-metrics.ts";
import type { QlogOptions } from "../host/qlog/options.ts";
import type { QuicServerOptions } from "../host/quic/quic-options.ts";
import { foreignApp } from "./foreign-app.ts";
import { asHandler } from "./module.ts";
import type { MetricsOptions } from "./operations/metrics/options.ts";
import type { OperationsOptions } from "./operations/options.ts";
import type { HandBackOptions } from "./replay/options.ts";
import { type Server, startServer } from "./server.ts";
import { unknownOptions } from "./unknown-options.ts";
import type { WorkersOption } from "./workers/options.ts";

const DEFAULT_PORT = 4433;

/** The options of `serve`. All are optional; durations are in milliseconds, sizes in bytes. */
export interface ServeOptions extends Omit<OperationsOptions, "metrics"> {
  /** The port for TCP and UDP. 4433 by default; 0 lets the system choose. */
  readonly port?: number;
  /** An address or name of this machine. By default all addresses ("::"), but loopback with a development certificate. */
  readonly host?: string;
  /** Same as `host`, under the name that Deno and Bun use. */
  readonly hostname?: string;
  /** PEM: the server's certificate, then its chain. Without one, a development certificate is generated and cached. */
  readonly cert?: string | Uint8Array;
  /** PEM, unencrypted. */
  readonly key?: string | Uint8Array;
  /**
   * One certificate with its key, as PEM (`cert`, `key`) or as files (`certFile`, `keyFile`), or those that an authority
   * issues by itself (`auto`), or several, selected by server name. The first one is the default.
   */
  readonly tls?: CertificateSource | AutoSource | readonly (CertificateSource | AutoSource)[];
  /** False to not watch certificate files. By default, changed files are used for new connections within a second. */
  readonly watch?: boolean;
  /** All by default. HTTP/2 and HTTP/1.1 can only be enabled together. */
  readonly protocols?: readonly HttpVersion[];
  /** Closes the server when aborted, as in Deno. */
  readonly signal?: AbortSignal;
  /** Called with the first address when the server listens. */
  readonly onListen?: (address: BoundAddress) => void;
  /** Returns the response if a handler throws; a 500 by default. */
  readonly onError?: (error: unknown) => Response | Promise<Response>;
  /** Receives each line of the key log (RFC 9850). These lines decrypt the traffic: for tests only. */
  readonly onKeyLog?: (line: string) => void;
  /** When QUIC clients must prove their address first. The default, "auto", means under load. */
  readonly retry?: RetryPolicy;
  /**
   * The secret from which HTTP/3's keys are derived. A server restarted with the same one ends the connections of its previous
   * run immediately (stateless reset, RFC 9000 §10.3.2) and accepts its session tickets and address tokens, as do servers
   * that share it. At least 32 secret bytes, or "kept" for a key in the user's cache folder.
   */
  readonly resetKey?: Uint8Array | "kept";
  /**
   * Which requests are accepted in 0-RTT data of HTTP/3, which may be replayed (RFC 8470): "safe" (the default) only GET, HEAD
   * and OPTIONS, while others get a 425; "all" leaves the decision to the handler (`context.earlyData`); "off" none.
   */
  readonly earlyData?: EarlyDataPolicy;
  /**
   * A folder in which all servers with the same `resetKey` note the early data that they accepted, so that it is accepted
   * once. With "kept", one in the user's cache folder by default; with other keys none, and early data is rejected.
   */
  readonly earlyDataRegister?: string;
  /** The versions of QUIC, for HTTP/3. */
  readonly quic?: QuicServerOptions;
  /**
   * What opens UDP sockets and protects packets for HTTP/3. "auto", the default, uses the fast engine where it works,
   * unless NAGARE_ENGINE says otherwise; "portable" uses only Node's own modules.
   */
  readonly engine?: "auto" | "portable";
  /**
   * Records each HTTP/3 connection in qlog, for tools such as qvis: the folder for the files, or options. Default: no
   * recording.
   */
  readonly qlog?: string | QlogOptions | undefined;
  /**
   * Counts requests, connections and more for Prometheus, and opens a listener for `/metrics`, `/healthz` and `/readyz`. A
   * `QuicMetrics` counts only what HTTP/3's connections do. Default: nothing is counted.
   */
  readonly metrics?: QuicMetrics | MetricsOptions | undefined;
  /** How HTTP/3 is advertised (Alt-Svc): for how long and on which port, or that clients should forget it. */
  readonly altSvc?: AltSvcOptions;
  /**
   * Another host that serves the same origins, such as "instance31.example.com", or "invalid" to withdraw it: Plan B of alternative services
   * (draft-thomson-httpbis-alt-svcb-01). Responses name it in Alt-SvcB, and each connection of HTTP/2 and HTTP/3 in ALTSVCB frames, one for each of
   * `origins`; without `origins` there are none. Over HTTP/2, frames cost CPU for each connection. Experimental. Default: none.
   */
  readonly altSvcb?: string;
  /**
   * Hands requests, whose content has not arrived completely, back to the proxies that it names when the server closes: Partial POST Replay.
   * A handler that acts on a part of the content calls `context.commit()` before. Experimental.
   */
  readonly handBack?: HandBackOptions;
  /**
   * True to read PRIORITY_UPDATE frames over HTTP/2 (RFC 9218 §7.1), which node:http2 hides. It costs CPU for every HTTP/2
   * connection, and lets the kernel hold less, where it can be told. The priority field works without it. Default: false.
   */
  readonly http2PriorityUpdate?: boolean;
  /**
   * The origins that this server serves, such as "https://www.example.com": named in ORIGIN frames (RFC 8336, RFC 9412), for which
   * clients may then use one connection. Default: none.
   */
  readonly origins?: readonly string[];
  /**
   * True to take WebTransport sessions over HTTP/2 too, in capsules (draft-ietf-webtrans-http2). Browsers have none; the WebSocket that
   * our client and our class for pages fall back to needs nothing. Experimental. Default: false.
   */
  readonly http2WebTransport?: boolean;
  /** Milliseconds that a client may stall, by not reading or not sending, before its connection is closed. 60,000 by default. */
  readonly stallTimeout?: number;
  /**
   * Bytes that the connections of all servers in this process may hold for their clients. Above the limit, connections
   * that hold the most for the longest time are closed. By default a quarter of the heap limit, at most 512 MiB. The last
   * server that sets it wins.
   */
  readonly memoryLimit?: number;
  /** Maximum number of files open for responses in the whole process. By default, half of what the system allows. */
  readonly maxOpenFiles?: number;
  /**
   * True to pass Node's own Request to the handler, for code that passes it on to `fetch` or `new Request`. False by
   * default, since the light Request costs less.
   */
  readonly nativeRequest?: boolean;
  /**
   * Serves with this many processes, which run this program again, while this process only supervises them: "auto" for one
   * per core. Requests are handled in the workers alone, and `server.reload()` starts new ones. See docs/workers.md. By
   * default, this process serves.
   */
  readonly workers?: WorkersOption;
  /** Milliseconds that connections to the previous workers may last after a reload. 300,000 by default. */
  readonly drainTimeout?: number;
  /** Receives a line about each exception in a handler and each internal fault. Standard error by default. */
  readonly log?: (line: string) => void;
}

/** For `unknownOptions`. The compiler ensures that the list is complete. */
export const SERVE_OPTIONS: Readonly<Record<keyof ServeOptions | "fetch", true>> = {
  accessLog: true,
  altSvc: true,
  altSvcb: true,
  cert: true,
  deprecationReport: true,
  handBack: true,
  engine: true,
  earlyData: true,
  earlyDataRegister: true,
  fetch: true,
  group: true,
  host: true,
  http2PriorityUpdate: true,
  origins: true,
  http2WebTransport: true,
  hostname: true,
  key: true,
  limits: true,
  log: true,
  nativeRequest: true,
  onError: true,
  onKeyLog: true,
  onListen: true,
  port: true,
  protocols: true,
  qlog: true,
  metrics: true,
  quic: true,
  resetKey: true,
  requestId: true,
  retry: true,
  stallTimeout: true,
  memoryLimit: true,
  maxOpenFiles: true,
  signal: true,
  tls: true,
  systemd: true,
  traceContext: true,
  trustedProxies: true,
  user: true,
  watch: true,
  workers: true,
  drainTimeout: true,
};

/** The shape of Bun's options, and of a module for `nagare serve`. */
export interface FetchObject {
  readonly fetch: Handler;
}

/**
 * Starts a server for HTTP/1.1, HTTP/2 and HTTP/3 on one port. Rejects with a `ServeError`, an `IdentityError` or an
 * `AcmeError` if it cannot.
 */
export function serve(handler: Handler): Promise<Server>;
export function serve(options: ServeOptions & FetchObject): Promise<Server>;
export function serve(options: ServeOptions, handler: Handler | FetchObject): Promise<Server>;
export async function serve(
  first: Handler | ServeOptions | (ServeOptions & FetchObject),
  second?: Handler | FetchObject,
): Promise<Server> {
  if (typeof first === "function" || first.workers === undefined) return start(first, second);
  const { failInWorker } = await import("./workers/fail.ts");
  return start(first, second).catch(failInWorker);
}

async function start(
  first: Handler | ServeOptions | (ServeOptions & FetchObject),
  second?: Handler | FetchObject,
): Promise<Server> {
  const foreign = foreignApp(second) ?? foreignApp(first);
  if (foreign !== undefined) throw new ServeError("OPTION_INVALID", foreign);
  const options: ServeOptions = typeof first === "function" ? {} : first;
  const handler = asHandler(second) ?? asHandler(first);
  if (handler === undefined) {
    throw new ServeError("OPTION_INVALID", "serve needs a handler: serve(options, (request) => new Response())");
  }
  const {
    onError,
    log,
    signal,
    protocols,
    onKeyLog,
    retry,
    quic,
    engine,
    qlog,
    metrics,
    altSvc,
    altSvcb,
    origins,
    http2PriorityUpdate,
    http2WebTransport,
    nativeRequest,
    stallTimeout,
    memoryLimit,
    maxOpenFiles,
    workers,
    drainTimeout,
  } = options;
  for (const line of unknownOptions(options, SERVE_OPTIONS)) (log ?? console.error)(line);
  const host = options.host ?? options.hostname ?? (hasCertificate(options) ? "::" : "localhost");
  const identities = await certificatesOf(options, log ?? console.error);
  const server = await startServer(
    {
      port: options.port ?? DEFAULT_PORT,
      host,
      identities,
      protocols,
      onKeyLog,
      retry,
      quic,
      resetKey: await resetKeyOf(options),
      engine,
      qlog,
      ...(isQuicMetrics(metrics) ? { trace: metrics.trace } : { metrics }),
      earlyData: earlyDataOf(options),
      strikeRegister: await registerOf(options),
      altSvc,
      altSvcb,
      handBack: options.handBack,
      http2PriorityUpdate,
      origins,
      http2WebTransport,
      ...operationsOf(options),
      stallTimeout,
      memoryLimit,
      maxOpenFiles,
      workers,
      drainTimeout,
      log,
    },
    createFetchHandler(handler, { onError, log, nativeRequest }),
  );
  // The supervisor says it for all workers.
  const isQuiet = workers !== undefined && (await isWorker());
  if (server.protocols.includes("h3") && !isQuiet) await reportFallback(engine, log ?? console.error);
  const report = (fault: Fault) => (log ?? console.error)(describeFault(fault));
  if ("identities" in identities) await openHttpPort(options, identities, server, host, report);
  const close = guard("server signal", report, () => detach("server close", report, server.close()));
  if (signal?.aborted) close();
  signal?.addEventListener("abort", close, { once: true });
  options.onListen?.(server.addresses[0]!);
  return server;
}

const isQuicMetrics = (metrics: ServeOptions["metrics"]): metrics is QuicMetrics =>
  metrics !== undefined && "trace" in metrics;

const operationsOf = (options: ServeOptions): Omit<OperationsOptions, "metrics"> => {
  const { accessLog, deprecationReport, limits, requestId, traceContext, trustedProxies, user, group, systemd } =
    options;
  return { accessLog, deprecationReport, limits, requestId, traceContext, trustedProxies, user, group, systemd };
};

let isFallbackReported = false;

/** One line per process if the fast engine should work here, but does not. */
async function reportFallback(engine: ServeOptions["engine"], log: (line: string) => void): Promise<void> {
  if (isFallbackReported) return;
  const { chooseEngine, describeEngine } = await import("../host/engine/engine.ts");
  const chosen = await chooseEngine(engine);
  if (chosen.fallback?.isUnexpected !== true) return;
  isFallbackReported = true;
  log(`nagare: ${describeEngine(chosen)}`);
}

const hasCertificate = ({ cert, tls }: ServeOptions): boolean => cert !== undefined || tls !== undefined;

/** The port of plain HTTP that automatic certificates ask for. Opened by the process that orders. */
async function openHttpPort(
  { tls, workers }: ServeOptions,
  certificates: Certificates,
  server: Server,
  host: string,
  report: (fault: Fault) => void,
): Promise<void> {
  const ports = [tls ?? []].flat().flatMap((source) => ("auto" in source ? [source.auto.httpPort ?? []].flat() : []));
  const { ManagedCertificates } = await import("../host/acme/managed-certificates.ts");
  if (!(certificates instanceof ManagedCertificates) || (workers !== undefined && (await isWorker()))) return;
  const { startRedirect } = await import("./redirect.ts");
  for (const port of new Set(ports)) {
    const redirect = await startRedirect(port, host, server.port, certificates.answerHttp).catch(async (error) => {
      await server.close({ timeout: 0 });
      throw error;
    });
    detach("acme http port", report, closeAfter(server, redirect));
  }
}

async function closeAfter({ finished }: Server, redirect: { close(): Promise<void> }): Promise<void> {
  await finished;
  await redirect.close();
}

const isWorker = async (): Promise<boolean> => (await import("../host/workers/worker-process.ts")).isWorkerProcess();

async function resetKeyOf({ resetKey }: ServeOptions): Promise<Uint8Array | undefined> {
  if (resetKey === undefined) return undefined;
  const { keptResetKey, RESET_KEY_LENGTH } = await import("../host/quic/reset-key.ts");
  if (resetKey === "kept") return (await keptResetKey()).key;
  if (resetKey instanceof Uint8Array && resetKey.length >= RESET_KEY_LENGTH) return resetKey;
  throw new ServeError("OPTION_INVALID", `resetKey takes ${RESET_KEY_LENGTH} bytes or more, or "kept"`);
}

function earlyDataOf({ earlyData }: ServeOptions): EarlyDataPolicy | undefined {
  if (earlyData === undefined || ["off", "safe", "all"].includes(earlyData)) return earlyData;
  throw new ServeError("OPTION_INVALID", `earlyData is "off", "safe" or "all", not ${JSON.stringify(earlyData)}`);
}

async function registerOf({ resetKey, earlyData, earlyDataRegister }: ServeOptions) {
  if (earlyData === "off" || (earlyDataRegister === undefined && resetKey !== "kept")) return undefined;
  const { keptRegister, openRegister } = await import("../host/quic/strike-directory.ts");
  return earlyDataRegister === undefined ? keptRegister() : openRegister(earlyDataRegister);
}

/** Returns the given certificates, or the development certificate. */
async function certificatesOf(
  { cert, key, tls, watch = true, workers }: ServeOptions,
  log: (line: string) => void,
): Promise<Identities | Certificates> {
  if ((cert === undefined) !== (key === undefined)) {
    throw new ServeError(
      "OPTION_INVALID",
      `a ${cert === undefined ? "key without cert" : "cert without key"}: give both`,
    );
  }
  const sources: readonly (CertificateSource | AutoSource)[] =
    cert !== undefined && key !== undefined ? [{ cert, key }] : tls === undefined ? [] : [tls].flat();
  const [first, ...others] = sources;
  // The workers watch certificate files; the process that supervises them does not, and obtains certificates for them.
  const isServing = workers === undefined || (await isWorker());
  if (sources.some((source) => "auto" in source)) {
    const { loadManaged } = await import("../host/acme/managed-certificates.ts");
    const role = workers === undefined || !isServing ? "order" : "follow";
    return loadManaged([first!, ...others], { log, watch: watch && isServing, role });
  }
  if (first !== undefined) {
    return loadCertificates([first, ...others] as [CertificateSource], { log, watch: watch && isServing });
  }
  const { developmentIdentity } = await import("../host/certificates/development.ts");
  return [await developmentIdentity()];
}
