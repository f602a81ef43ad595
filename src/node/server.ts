/**
 * `createServer`: a server like that of node:https, for HTTP/1.1, HTTP/2 and HTTP/3. Listeners for Node's (req, res),
 * such as Express, Koa and Fastify apps, work unchanged.
 */
import type { Identity } from "../host/certificates/identity.ts";
import { type SecureContext, secureContextOf } from "../host/certificates/secure-context.ts";
import { describeFault, detach, type Fault, guard } from "../host/guard.ts";
import type { HttpVersion, PeerAddress } from "../host/http/exchange.ts";
import type { BoundAddress, ListenerOptions, ManagedListener, RetryPolicy, TlsOptions } from "../host/http/listener.ts";
import { TcpListener } from "../host/http/tcp-listener.ts";
import { isHttp3Disabled } from "../host/http3-switch.ts";
import { type AltSvcOptions, altSvcField } from "../host/listen/alt-svc.ts";
import { type Binding, bindAll } from "../host/listen/bind.ts";
import { ServeError } from "../host/listen/errors.ts";
import type { QuicMetrics } from "../host/metrics/quic-metrics.ts";
import {
  createNodeHandler,
  failResponse,
  HTTP1_PROPERTIES,
  type Http1Options,
  type Http1Properties,
  Http1Settings,
  HttpsServerShape,
  NodeIncomingMessage,
  type NodeServer,
  NodeServerResponse,
  type RequestClass,
  type Listener as RequestListener,
  type ResponseClass,
} from "../host/node/index.ts";
import { type QlogOptions, type QlogSettings, qlogSettings } from "../host/qlog/options.ts";
import { QlogRecorder } from "../host/qlog/recorder.ts";
import { QuicListener } from "../host/quic/listener.ts";
import { traceAll } from "../host/quic/tracing.ts";
import type { WebTransportRequest } from "../host/webtransport/web-transport-request.ts";
import { type CertificateOptions, identitiesOf, withName } from "./identities.ts";
import { type ListenOptions, type ListenRequest, parseListenArguments } from "./listen-arguments.ts";
import { identitiesFrom, type SniCallback, selectorOf } from "./sni.ts";
import { type ClientCertificateOptions, clientOptionOfTcp, tlsOptionsOf } from "./tls-options.ts";

/** The options of `createServer`: those of `https.createServer` that apply, and ours. */
export interface ServerOptions extends CertificateOptions, ClientCertificateOptions, Http1Options {
  /** Selects the certificate of clients that send a server name. */
  readonly SNICallback?: SniCallback;
  /** All by default. HTTP/1.1 and HTTP/2 can only be enabled together. */
  readonly protocols?: readonly HttpVersion[];
  /** How HTTP/3 is advertised (Alt-Svc). */
  readonly altSvc?: AltSvcOptions;
  /** When a QUIC client must validate its address first. "auto" by default: under load. */
  readonly retry?: RetryPolicy;
  /** Milliseconds without progress after which a client that reads nothing is cut off. 60,000 by default. */
  readonly stallTimeout?: number;
  /** Receives each line of the key log (RFC 9850), which decrypts the traffic: for tests only. */
  readonly onKeyLog?: (line: string) => void;
  /** Records each HTTP/3 connection in qlog: the folder for the files, or options. Default: no recording. */
  readonly qlog?: string | QlogOptions | undefined;
  /** Counts what HTTP/3's connections do. Default: nothing is counted. */
  readonly metrics?: QuicMetrics | undefined;
  /** Receives a line for each listener that throws and each internal fault. Standard error by default. */
  readonly log?: (line: string) => void;
  /** The classes of `req` and `res`. Node's by default; others extend them. */
  readonly IncomingMessage?: RequestClass;
  readonly ServerResponse?: ResponseClass;
}

interface Running {
  /** In binding order. */
  readonly listeners: ManagedListener[];
  tcp: TcpListener | undefined;
  addresses: readonly BoundAddress[];
  isListening: boolean;
  /** True if `address` has returned the port before UDP was bound. */
  isPortKnown: boolean;
  readonly qlog: QlogRecorder | undefined;
}

const REJECTION = Symbol.for("nodejs.rejection");
const HANDLE = {};

/** The server of node:https, which speaks HTTP/2 and HTTP/3 too. Its events and methods are Node's. */
export class Server extends HttpsServerShape implements NodeServer, Http1Properties {
  timeout = 0;
  declare keepAliveTimeout: number;
  declare keepAliveTimeoutBuffer: number;
  declare headersTimeout: number;
  declare requestTimeout: number;
  declare maxRequestsPerSocket: number;
  declare maxHeadersCount: number | null;
  declare requireHostHeader: boolean;
  /** The number of TCP and QUIC connections above which new ones are refused, with a "drop" event. */
  maxConnections: number | undefined;
  readonly #options: ServerOptions;
  readonly #settings: Http1Settings;
  #identities: readonly Identity[];
  readonly #tlsOptions: TlsOptions;
  readonly #log: (line: string) => void;
  readonly #qlog: QlogSettings | undefined;
  /** As in Node's server. Test clients check it to choose https. */
  cert: CertificateOptions["cert"];
  #running: Running | undefined;
  #isReferenced = true;

  constructor(options: ServerOptions, listener?: RequestListener) {
    super({ captureRejections: true });
    this.#settings = new Http1Settings(options);
    this.#options = options;
    this.#identities = identitiesOf(options);
    this.cert = options.cert;
    this.#tlsOptions = tlsOptionsOf(options);
    this.#log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
    this.#qlog = options.qlog === undefined ? undefined : qlogSettings(options.qlog, this.#log);
    if (listener !== undefined) this.on("request", listener);
    const offer = guard("node new listener", this.#onFault, (event: string) => this.#handleNewListener(event));
    this.on("newListener", offer);
  }

  /** Logs exceptions of listeners. Those of a request or upgrade also fail it. */
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    // An "error" without a listener terminates the process, as with Node's server.
    if (event === "error" && this.listenerCount("error") === 0) return super.emit(event, ...given);
    try {
      return super.emit(event, ...given);
    } catch (error) {
      if (!isHandledElsewhere(event)) this.#log(`nagare: a listener for "${String(event)}" threw: ${error}`);
      else throw error; // createNodeHandler fails the request
      return true;
    }
  }

  readonly #onFault = (fault: Fault): void => this.#log(describeFault(fault));

  get listening(): boolean {
    return this.#running?.isListening === true;
  }

  /**
   * The TCP address or path, as in net.Server. Null until it is bound. UDP uses the same port, except if the port was read
   * before "listening" and is in use for UDP: HTTP/3 then has another, which Alt-Svc names.
   */
  address(): { address: string; family: string; port: number } | null {
    const running = this.#running;
    const path = running?.tcp?.path;
    // The type has only the usual form, so that callers need no cast.
    if (path !== undefined) return path as never;
    const bound = running?.addresses[0] ?? running?.tcp?.address;
    if (running !== undefined && bound !== undefined) running.isPortKnown = true;
    return bound === undefined ? null : { address: bound.address, family: bound.family, port: bound.port };
  }

  /** Undocumented in net.Server: null unless bound. supertest closes only servers that have it. */
  get _handle(): object | null {
    const { tcp, addresses } = this.#running ?? {};
    return (addresses?.[0] ?? tcp?.path ?? tcp?.address) === undefined ? null : HANDLE;
  }

  /** All TCP and UDP addresses. */
  get addresses(): readonly BoundAddress[] {
    return this.#running?.addresses ?? [];
  }

  /** Listens for TCP and UDP on one port. Emits "listening", or "error". */
  listen(port?: number | string | null, host?: string, backlog?: number, callback?: () => void): this;
  listen(port: number | string | null | undefined, host: string, callback?: () => void): this;
  listen(port: number | string | null | undefined, backlog: number, callback?: () => void): this;
  listen(port: number | string | null | undefined, callback?: () => void): this;
  listen(path: string, callback?: () => void): this;
  listen(options: ListenOptions, callback?: () => void): this;
  listen(callback?: () => void): this;
  listen(...given: unknown[]): this {
    const request = parseListenArguments(given);
    if (this.#running !== undefined) {
      const message = "Listen method has been called more than once without closing.";
      throw Object.assign(new Error(message), { code: "ERR_SERVER_ALREADY_LISTEN" });
    }
    const running: Running = {
      listeners: [],
      tcp: undefined,
      addresses: [],
      isListening: false,
      isPortKnown: false,
      qlog: this.#qlog && new QlogRecorder(this.#qlog),
    };
    this.#running = running;
    if (request.callback !== undefined) this.once("listening", request.callback as never);
    const { signal } = request;
    const close = guard("node signal", this.#onFault, () => {
      this.close();
    });
    if (signal?.aborted) process.nextTick(close);
    signal?.addEventListener("abort", close, { once: true });
    // Rejects if "error" has no listener, which terminates the process, as with Node's server.
    this.#listen(request, running);
    return this;
  }

  async #listen({ port, host, place }: ListenRequest, running: Running): Promise<void> {
    try {
      // Binds TCP before `listen` returns if there is a certificate and no host, as Node's server does.
      const given = this.#identities;
      const identities = isFilled(given) ? given : await developmentIdentities();
      const hasOwn = isFilled(given) || this.#options.SNICallback !== undefined;
      const where = host ?? (hasOwn ? "::" : "localhost");
      if (place === undefined) {
        const bindings = this.#bindings(identities, running);
        const { addresses } = await bindAll(bindings, where, port, () => running.isPortKnown);
        running.addresses = addresses;
      } else {
        if (!this.#wants("tcp")) throw new ServeError("OPTION_INVALID", "HTTP/3 listens only on ports: give a port");
        await this.#createTcp(identities, running).listenOn(place);
        const { address } = running.tcp!;
        if (address !== undefined) running.addresses = [address];
      }
    } catch (error) {
      if (this.#running === running) this.#running = undefined;
      await undefined; // as with Node's server, the listener may be added after this call
      this.emit("error", nodeError(error));
      return;
    }
    if (this.#running !== running) {
      await Promise.all(running.listeners.map((listener) => listener.close(0)));
      return;
    }
    running.isListening = true;
    this.#advertise(running);
    if (!this.#isReferenced) this.unref();
    this.emit("listening");
  }

  #wants(transport: "tcp" | "udp"): boolean {
    const { protocols } = this.#options;
    return protocols?.some((protocol) => (protocol === "h3") === (transport === "udp")) ?? true;
  }

  get #isHttp3Disabled(): boolean {
    return isHttp3Disabled() || clientOptionOfTcp(this.#options) !== undefined;
  }

  #listenerOptions(identities: readonly [Identity, ...Identity[]]): ListenerOptions {
    const { onKeyLog, retry, stallTimeout, SNICallback } = this.#options;
    return {
      identities,
      onExchange: createNodeHandler({
        server: this,
        settings: this.#settings,
        IncomingMessage: this.#options.IncomingMessage ?? (NodeIncomingMessage as RequestClass),
        ServerResponse: this.#options.ServerResponse ?? (NodeServerResponse as unknown as ResponseClass),
        log: this.#log,
        onFault: this.#onFault,
      }),
      acceptsTunnels: this.#acceptsTunnels,
      onClientError: (error, socket) => this.emit("clientError", error, socket),
      onDroppedRequest: (request, socket) => void this.emit("dropRequest", request, socket),
      http1Limits: this.#settings.limits,
      shouldUpgrade: this.#settings.shouldUpgrade(this.#log),
      refusesLikeNode: true,
      tlsOptions: this.#tlsOptions,
      selectByName: SNICallback && selectorOf(SNICallback, this.#log),
      admits: (peer) => this.#admits(peer),
      onConnection: (socket) => this.emit("connection", socket),
      onSession: (session) => this.emit("session", session),
      onTlsError: (error, socket) => this.emit("tlsClientError", error, socket),
      onKeyLog,
      retry,
      stallTimeout,
      onFault: this.#onFault,
    };
  }

  #createTcp(identities: readonly [Identity, ...Identity[]], running: Running): TcpListener {
    const listener = new TcpListener(this.#listenerOptions(identities));
    running.listeners.push(listener);
    running.tcp = listener;
    return listener;
  }

  #bindings(identities: readonly [Identity, ...Identity[]], running: Running): Binding<ManagedListener>[] {
    const bindings: Binding<ManagedListener>[] = [];
    if (this.#wants("tcp")) bindings.push({ transport: "tcp", create: () => this.#createTcp(identities, running) });
    if (this.#wants("udp") && !this.#isHttp3Disabled) {
      const create = (): QuicListener => {
        const trace = traceAll([running.qlog?.trace, this.#options.metrics?.trace]);
        const listener = new QuicListener({ ...this.#listenerOptions(identities), trace });
        running.listeners.push(listener);
        return listener;
      };
      bindings.push({ transport: "udp", create });
    } else {
      const unsupported = clientOptionOfTcp(this.#options);
      if (unsupported !== undefined) {
        this.#log(`nagare: HTTP/3 is disabled, because requestCert with ${unsupported} works only for TLS over TCP`);
      }
    }
    if (bindings.length === 0) throw new ServeError("OPTION_INVALID", "none of the requested protocols can be served");
    return bindings;
  }

  #advertise({ addresses, listeners }: Running): void {
    const udp = addresses.find(({ transport }) => transport === "udp");
    const { altSvc = {} } = this.#options;
    const field = altSvcField(this.#isHttp3Disabled ? { ...altSvc, clear: true } : altSvc, udp?.port);
    if (field !== undefined) for (const listener of listeners) listener.advertise?.(field);
  }

  // ── Limits of HTTP/1.1 ──────────────────────────────────────────────────────────────────────────────────────────────

  static {
    for (const name of HTTP1_PROPERTIES) {
      Object.defineProperty(Server.prototype, name, {
        configurable: true,
        enumerable: true,
        get(this: Server) {
          return this.#settings.get(name);
        },
        set(this: Server, value: never) {
          this.#settings.set(name, value);
          for (const listener of this.#running?.listeners ?? []) listener.setHttp1Limits({ [name]: value });
        },
      });
    }
  }

  // ── Tunnels ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  get #acceptsTunnels(): boolean {
    return TUNNEL_EVENTS.some((event) => this.listenerCount(event) > 0);
  }

  /** RFC 8441 §3, RFC 9220 §3: offers extended CONNECT once there is a listener for it. */
  #handleNewListener(event: string): void {
    if (!TUNNEL_EVENTS.includes(event)) return;
    for (const listener of this.#running?.listeners ?? []) listener.acceptTunnels();
  }

  // ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #admits({ remote, local }: { readonly remote: PeerAddress; readonly local: PeerAddress }): boolean {
    const { maxConnections } = this;
    if (typeof maxConnections !== "number" || this.connections < maxConnections) return true;
    this.emit("drop", {
      ...{ localAddress: local.address, localPort: local.port, localFamily: local.family },
      ...{ remoteAddress: remote.address, remotePort: remote.port, remoteFamily: remote.family },
    });
    return false;
  }

  /** Accepts no more connections, closes idle ones, waits for pending requests, then emits "close". */
  close(callback?: (error?: Error) => void): this {
    this.closeIdleConnections(); // as Node's server does, for those that override it
    const running = this.#running;
    this.#running = undefined;
    if (callback !== undefined) {
      const notRunning = () =>
        Object.assign(new Error("Server is not running."), { code: "ERR_SERVER_NOT_RUNNING" }) as Error;
      const called = guard("node close callback", this.#onFault, () =>
        running === undefined ? callback(notRunning()) : callback(),
      );
      this.once("close", called);
    }
    const listeners = running?.listeners ?? [];
    const ended = Promise.all(listeners.map((listener) => listener.close(Number.POSITIVE_INFINITY)));
    const qlog = running?.qlog;
    const closed: Promise<unknown> = qlog === undefined ? ended : ended.then(() => qlog.close());
    this.#closing = listeners;
    const announced = closed.then(() => this.emit("close"));
    detach("node close", this.#onFault, announced);
    return this;
  }

  /** Listeners that `close` waits for. */
  #closing: readonly ManagedListener[] = [];

  /** Closes all connections at once, like Node's method. */
  closeAllConnections(): void {
    for (const listener of this.#all) listener.closeConnections("all");
  }

  /** Closes the connections without a request in progress. */
  closeIdleConnections(): void {
    for (const listener of this.#all) listener.closeConnections("idle");
  }

  /** Counts the open connections of all versions. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    const called = guard("node connections", this.#onFault, () => callback(null, this.connections));
    process.nextTick(called);
    return this;
  }

  /** The number of TCP and QUIC connections. */
  get connections(): number {
    return this.#all.reduce((sum, { connections }) => sum + connections, 0);
  }

  get #all(): readonly ManagedListener[] {
    return this.#running?.listeners ?? this.#closing;
  }

  /** Sets the idle time of a request's socket before "timeout", in milliseconds. */
  setTimeout(milliseconds?: number | (() => void), callback?: () => void): this {
    this.timeout = typeof milliseconds === "number" ? milliseconds : 0;
    const listener = typeof milliseconds === "function" ? milliseconds : callback;
    if (listener !== undefined) this.on("timeout", listener as never);
    return this;
  }

  /** Replaces all certificates for handshakes from now on. Throws, and keeps them, if one cannot be used. */
  setSecureContext(options: CertificateOptions): void {
    this.#setIdentities(identitiesOf(options));
    this.cert = options.cert;
  }

  /** Adds a certificate for a name, which may start with "*.". It replaces others for that name. */
  addContext(hostname: string, context: CertificateOptions | SecureContext): void {
    this.#setIdentities(withName(this.#identities, hostname, identitiesFrom(context)));
  }

  /** Like `setSecureContext`, under the name that `serve` has. */
  async reload(options: CertificateOptions): Promise<void> {
    this.setSecureContext(options);
  }

  #setIdentities(identities: readonly Identity[]): void {
    if (!isFilled(identities)) throw new ServeError("OPTION_INVALID", "there is no certificate: give cert and key");
    const { context } = this.#tlsOptions;
    for (const identity of identities) if (!this.#identities.includes(identity)) secureContextOf(identity, context);
    for (const listener of this.#running?.listeners ?? []) listener.setIdentities(identities);
    this.#identities = identities;
  }

  /** Keeps the process alive while the server listens, which is the default. */
  ref(): this {
    this.#isReferenced = true;
    for (const listener of this.#all) listener.ref();
    return this;
  }

  /** Lets the process end although the server listens. */
  unref(): this {
    this.#isReferenced = false;
    for (const listener of this.#all) listener.unref();
    return this;
  }

  /** Closes the server and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }

  /** Called by EventEmitter when a listener's promise is rejected. */
  [REJECTION](error: Error, event: string, ...given: object[]): void {
    const [, second] = given;
    if (event === "webtransport") (given[0] as WebTransportRequest).reset(error);
    if (second !== undefined && failResponse(second, error)) return;
    if (event === "upgrade" || event === "connect") (second as { destroy(): void }).destroy();
    this.#log(`nagare: a listener for "${event}" was rejected: ${error}`);
  }
}

/** True for events that `createNodeHandler` emits, which handles exceptions of their listeners. */
const isHandledElsewhere = (event: string | symbol): boolean =>
  ["request", ...TUNNEL_EVENTS, "checkContinue", "checkExpectation"].includes(event as string);

/** Extended CONNECT is offered for these. */
const TUNNEL_EVENTS = ["upgrade", "connect", "webtransport"];

const isFilled = (identities: readonly Identity[]): identities is readonly [Identity, ...Identity[]] =>
  identities.length > 0;

async function developmentIdentities(): Promise<readonly [Identity]> {
  const { developmentIdentity } = await import("../host/certificates/development.ts");
  return [await developmentIdentity()];
}

/** The underlying system error, which has Node's code, if there is one. */
function nodeError(error: unknown): unknown {
  const cause = error instanceof ServeError ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return typeof cause?.code === "string" ? cause : error;
}

/**
 * Creates a server for listeners of Node's `(req, res)`; call `listen` next. Throws a `ServeError` or an
 * `IdentityError` for options that it cannot use.
 */
export function createServer(listener?: RequestListener): Server;
export function createServer(options: ServerOptions, listener?: RequestListener): Server;
export function createServer(first?: ServerOptions | RequestListener, second?: RequestListener): Server {
  return typeof first === "function" ? new Server({}, first) : new Server(first ?? {}, second);
}
