/**
 * Serves HTTP/1.1 and HTTP/2 on one TLS port with Node's own modules, and turns each request into an exchange.
 *
 * Limits: a TLS handshake must finish within 15 s. A head may be at most 64 KiB and must arrive within 30 to 35 s; in
 * HTTP/2 this applies to the first head, and the idle timeout to later ones, during which nothing else can arrive. A
 * connection is closed after an idle minute, or if its client makes a pending response or body wait for a minute
 * without reading or sending anything. The total time of a body is not limited, because uploads may be slow; flow
 * control limits unread bytes.
 */
import type { IncomingMessage } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer, Server, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { isRefusal } from "../../http/index.ts";
import { type Budget, DEFAULT_STALL_TIMEOUT, processBudget } from "../budget.ts";
import { type Fault, guard, ignore, reportFault } from "../guard.ts";
import { bindServer, boundAddress, type ListenPlace } from "./bind-server.ts";
import { openChallengeDoor } from "./challenge-door.ts";
import { DrainSteps, endAfterNotice } from "./drain-steps.ts";
import type { ExchangeHandler } from "./exchange.ts";
import { Http1ServerExchange, type Http1Upgrade } from "./http1-exchange.ts";
import { Http1Pipeline } from "./http1-pipeline.ts";
import { Http1Refusal, refuseHttp1 } from "./http1-refusal.ts";
import { type Http1Request, messageOf } from "./http1-request.ts";
import type { Http1Response } from "./http1-response.ts";
import { responseFor, upgradeOf } from "./http1-upgrade.ts";
import { cutOffSession, limitControlFrames } from "./http2-control-frames.ts";
import { Http2Intake } from "./http2-intake.ts";
import { RefusedHeads } from "./http2-refused-heads.ts";
import { http2ExchangeOf } from "./http2-request.ts";
import { sentBytesCounter } from "./http2-sent-bytes.ts";
import { limitSession } from "./http2-session-limits.ts";
import { type Http2Tap, http2TapFor } from "./http2-tap.ts";
import { hideInnerServer } from "./inner-server.ts";
import {
  type BoundAddress,
  definedLimits,
  type Http1Limits,
  type ListenerOptions,
  type ManagedListener,
} from "./listener.ts";
import { limitUnsent } from "./notsent-lowat.ts";
import { CutOff } from "./open-tunnels.ts";
import { PendingHandshakes } from "./pending-handshakes.ts";
import { answerPlainHttp } from "./plain-http.ts";
import { ProxyProtocolGate } from "./proxy-protocol-gate.ts";
import { http1Head } from "./request-head.ts";
import { addressesOf, type ListenerState, listenerState, TcpConnection } from "./tcp-connection.ts";
import { contextWith, TlsIdentities } from "./tls-identities.ts";
import { http1Limits, IDLE_TIMEOUT, MAX_CONCURRENT_STREAMS, serverOptions } from "./tls-server-options.ts";

export class TcpListener implements ManagedListener {
  readonly protocols = ["h2", "http/1.1"] as const;
  readonly #onExchange: ExchangeHandler;
  #acceptsTunnels: boolean;
  readonly #observer: ListenerOptions;
  readonly #onFault: (fault: Fault) => void;
  readonly #state: ListenerState;
  readonly #identities: TlsIdentities;
  readonly #server: Http2SecureServer;
  /** Node's server listens on one address. These listen on the other addresses and pass their connections to it. */
  readonly #otherServers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #connections = new WeakMap<object, TcpConnection>();
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Connections that use HTTP/1.1. */
  readonly #http1 = new Map<Socket, TcpConnection>();
  readonly #refusal: Http1Refusal;
  readonly #shouldUpgrade: (request: IncomingMessage) => boolean;
  readonly #budget: Budget;
  readonly #handshakes: PendingHandshakes;
  readonly #stallTimeout: number;
  readonly #gate: ProxyProtocolGate | undefined;
  readonly #originNames: readonly string[] | undefined;
  readonly #tap: Http2Tap | undefined;
  #closing: { promise: Promise<void>; deadline: CutOff } | undefined;
  #referenced = true;

  constructor(options: ListenerOptions) {
    this.#onExchange = options.onExchange;
    this.#acceptsTunnels = options.acceptsTunnels === true;
    this.#observer = options;
    this.#onFault = options.onFault ?? reportFault;
    this.#budget = options.budget ?? processBudget();
    this.#handshakes = new PendingHandshakes(this.#budget);
    this.#stallTimeout = options.stallTimeout ?? DEFAULT_STALL_TIMEOUT;
    this.#refusal = new Http1Refusal(this.#onFault, options.refusesLikeNode === true);
    this.#state = listenerState(options.http2WebTransport === true, this.#onFault);
    this.#identities = new TlsIdentities(options.identities, contextWith(options));
    this.#server = createSecureServer(serverOptions(this.#identities, options, this.#acceptsTunnels, this.#onFault));
    hideInnerServer(this.#server);
    this.#originNames = options.origins;
    this.#tap = http2TapFor(options, this.#server, this.#onFault);
    if (options.answerTlsAlpn !== undefined) openChallengeDoor(this.#server, options.answerTlsAlpn, this.#onFault);
    // With allowHTTP1, the server has node:http's limits as properties, but does not take them as options.
    Object.assign(this.#server, http1Limits(this.#stallTimeout), definedLimits(options.http1Limits));
    this.#server.on(
      "connection",
      guard("tcp connection", this.#destroy, (socket: Socket) => this.#track(socket)),
    );
    this.#server.on(
      "secureConnection",
      guard("tls secure", this.#destroy, (socket: TLSSocket) => this.#handleSecure(socket)),
    );
    this.#gate = options.proxyProtocol && new ProxyProtocolGate(this.#server, options.proxyProtocol, this.#onFault);
    const request = guard("http1 request", this.#destroyResponse, (_request: unknown, response: Http1Response) =>
      this.#queueHttp1(response),
    );
    this.#server.on("request", request as never);
    // The "request" listener enables Node's compatibility layer for HTTP/2, whose listener ours replaces.
    this.#server.removeAllListeners("stream");
    this.#server.on(
      "stream",
      guard(
        "http2 stream",
        this.#destroy,
        (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw?: string[]) =>
          this.#handleHttp2(stream, headers, flags, raw),
      ),
    );
    // RFC 9110 §10.1.1: reading the body sends 100 (continueIfExpected).
    const expecting = guard("http1 continue", this.#destroyResponse, (_request: unknown, response: Http1Response) =>
      this.#queueHttp1(response),
    );
    this.#server.on("checkContinue", expecting as never);
    // Handlers deal with other expectations, as in the other versions of HTTP (RFC 9110 §10.1.1).
    this.#server.on("checkExpectation", expecting as never);
    this.#server.on(
      "session",
      guard("http2 session", this.#destroy, (session: ServerHttp2Session) => this.#handleSession(session)),
    );
    this.#server.on(
      "timeout",
      guard("http1 timeout", this.#destroy, (socket: Socket) => this.#handleTimeout(socket)),
    );
    this.#server.on(
      "clientError",
      guard("http1 client error", this.#destroyClient, (error: Error, socket: Socket) =>
        this.#handleClientError(error, socket),
      ),
    );
    this.#server.on(
      "tlsClientError",
      guard("tls client error", this.#destroyClient, (error: Error, socket: TLSSocket) => {
        answerPlainHttp(error, this.#rawOf(socket));
        this.#observer.onTlsError?.(error, socket);
      }),
    );
    this.#shouldUpgrade = options.shouldUpgrade ?? (() => true);
    this.#enableUpgrades();
    const { onKeyLog, onDroppedRequest } = options;
    if (onDroppedRequest !== undefined) {
      const dropped = guard("http1 dropped request", this.#onFault, (request: Http1Request, socket: Socket) =>
        onDroppedRequest(messageOf(request), socket),
      );
      this.#server.on("dropRequest", dropped as never);
    }
    if (onKeyLog !== undefined) {
      this.#server.on(
        "keylog",
        guard("tls key log", this.#onFault, (line: Buffer) => onKeyLog(line.toString("latin1"))),
      );
    }
  }

  readonly #destroy = (fault: Fault, affected: { destroy(): unknown }): void => {
    affected.destroy();
    this.#onFault(fault);
  };

  readonly #destroyResponse = (fault: Fault, _request: unknown, response: Http1Response): void =>
    this.#destroy(fault, response);

  readonly #destroyClient = (fault: Fault, _error: unknown, socket: Socket): void => this.#destroy(fault, socket);

  #enableUpgrades(): void {
    const onUpgrade = guard(
      "http1 upgrade",
      (fault, _request, socket) => this.#destroy(fault, socket),
      (request: Http1Request, socket: Socket, rest: Uint8Array) => this.#handleUpgrade(request, socket, rest),
    );
    if (this.#server.listenerCount("connect") === 0) this.#server.on("connect", onUpgrade as never);
    if (!this.#acceptsTunnels) return;
    this.#server.on("upgrade", onUpgrade as never);
    // Newer versions of Node let us choose which requests to upgrade. RFC 9110 §7.8: an Upgrade may be ignored.
    const isWanted = (request: Http1Request): boolean =>
      !request.lines.hasContent && this.#shouldUpgrade(messageOf(request));
    Object.assign(this.#server, { shouldUpgradeCallback: isWanted });
  }

  async listen(port: number, host: string, descriptor?: number): Promise<BoundAddress> {
    const first = !this.#server.listening;
    const server: Server = first
      ? this.#server
      : createServer(
          { noDelay: true },
          guard("tcp other connection", this.#destroy, (socket: Socket) => this.#server.emit("connection", socket)),
        );
    // Without a host, Node binds synchronously, and falls back to IPv4 if there is no IPv6.
    const place = descriptor === undefined ? { port, ...(host === "::" ? {} : { host }) } : { fd: descriptor };
    await bindServer(server, place, this.#onFault);
    if (this.#tap !== undefined) await limitUnsent(server, this.#observer.engine);
    if (!first) this.#otherServers.push(server);
    if (!this.#referenced) server.unref();
    return boundAddress(server)!;
  }

  /** Listens on a path (UNIX domain) or on an open descriptor. */
  async listenOn(place: ListenPlace): Promise<void> {
    await bindServer(this.#server, place, this.#onFault);
    if (!this.#referenced) this.#server.unref();
  }

  /** The first bound address; undefined if it is a path. */
  get address(): BoundAddress | undefined {
    return boundAddress(this.#server);
  }

  /** The path of a UNIX domain socket. */
  get path(): string | undefined {
    const bound = (this.#server as Server).address();
    return typeof bound === "string" ? bound : undefined;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  closeConnections(which: "all" | "idle"): void {
    if (which === "all") for (const socket of this.#sockets) socket.destroy();
    else this.#closeIdle();
  }

  setHttp1Limits(limits: Http1Limits): void {
    Object.assign(this.#server, definedLimits(limits));
  }

  acceptTunnels(): void {
    if (this.#acceptsTunnels) return;
    this.#acceptsTunnels = true;
    this.#server.updateSettings({ enableConnectProtocol: true });
    this.#enableUpgrades();
  }

  setIdentities(identities: ListenerOptions["identities"]): void {
    this.#identities.use(identities, this.#server);
  }

  advertise(altSvc: string): void {
    this.#state.altSvc = altSvc;
  }

  close(timeout: number, notice = 0): Promise<void> {
    if (this.#closing === undefined)
      this.#closing = { promise: this.#drain(notice), deadline: this.#cutOffAfter(timeout) };
    else {
      this.#closing.deadline.clear();
      this.#closing.deadline = this.#cutOffAfter(timeout);
    }
    return this.#closing.promise;
  }

  ref(): void {
    this.#referenced = true;
    for (const server of [this.#server, ...this.#otherServers]) server.ref();
  }

  unref(): void {
    this.#referenced = false;
    for (const server of [this.#server, ...this.#otherServers]) server.unref();
  }

  async #drain(notice: number): Promise<void> {
    this.#state.notice = notice;
    this.#state.draining = true;
    this.#state.tunnels.handleShutdown();
    const servers = [this.#server, ...this.#otherServers].filter((server) => server.listening);
    // Node's servers would close idle connections and sessions as well, without a notice.
    const stop = (server: Server, done: () => void): void => {
      if (notice > 0) Server.prototype.close.call(server, done);
      else server.close(done);
    };
    const closed = servers.map((server) => new Promise<void>((resolve) => stop(server, () => resolve())));
    const steps = new DrainSteps(this.#sessions, this.#http1, notice, this.#onFault);
    await Promise.all(closed);
    steps.stop();
    // Ends Node's timers too.
    if (notice > 0) this.#server.close(ignore);
    this.#closing?.deadline.clear();
  }

  #closeIdle(): void {
    for (const session of this.#sessions) if (!this.#sessionConnection(session).isBusy()) session.close();
    for (const [socket, connection] of this.#http1) if (!connection.isBusy()) socket.destroySoon();
  }

  #cutOffAfter(timeout: number): CutOff {
    const destroyAll = (): void => {
      for (const socket of this.#sockets) socket.destroy();
      this.#gate?.close();
    };
    return new CutOff(timeout, this.#state.tunnels, destroyAll, this.#onFault);
  }

  #track(socket: Socket): void {
    const { admits, onOpened, onConnection } = this.#observer;
    const addresses = addressesOf(socket);
    if (admits?.(addresses) === false) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const hasRoom = this.#budget.openSocket();
    const closed = this.#handshakes.add(socket);
    const ended = onOpened?.(addresses.remote, "tcp");
    socket.once(
      "close",
      guard("tcp close", this.#onFault, () => {
        this.#sockets.delete(socket);
        this.#budget.closeSocket();
        closed();
        if (ended) ended();
      }),
    );
    if (!hasRoom || ended === false) socket.destroy();
    else onConnection?.(socket);
  }

  #handleSecure(socket: TLSSocket): void {
    this.#handshakes.finish(socket, this.#observer.onSecured);
    if (socket.alpnProtocol === "h2") return; // handled as a session
    const connection = this.#connectionOf(socket, socket);
    // The budget sets no stall timeout: in HTTP/1.1 Node's `timeout` is more precise, since it sees a write progress.
    this.#budget.add(connection, Number.POSITIVE_INFINITY);
    connection.pipeline = new Http1Pipeline(socket, connection, this.#beginHttp1, this.#onFault);
    this.#http1.set(socket, connection);
    socket.once(
      "close",
      guard("http1 close", this.#onFault, () => this.#http1.delete(socket)),
    );
    if (this.#state.draining && this.#state.notice === 0) socket.destroySoon();
  }

  #sessionConnection(session: Http2Session): TcpConnection {
    const tapped = this.#tap?.socketOf(session as ServerHttp2Session);
    const socket = tapped ?? (session.socket as unknown as Socket);
    return this.#connectionOf(session, socket, () => cutOffSession(session, this.#onFault));
  }

  #connectionOf(key: object, socket: Socket, cutOff = (): void => this.#cutOff(socket)): TcpConnection {
    let connection = this.#connections.get(key);
    if (connection === undefined) {
      const opened = new TcpConnection(socket, this.#state, cutOff);
      socket.once(
        "close",
        guard("tcp connection close", this.#onFault, () => {
          this.#budget.remove(opened);
          opened.abort();
        }),
      );
      this.#connections.set(key, opened);
      connection = opened;
    }
    return connection;
  }

  #handleSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    const connection = this.#sessionConnection(session);
    session.on("error", ignore); // "close" follows
    limitControlFrames(session, this.#onFault);
    if (this.#originNames !== undefined) session.origin(...this.#originNames);
    connection.priorities = this.#tap?.connect(session, MAX_CONCURRENT_STREAMS);
    connection.countSentBytes = sentBytesCounter(session);
    connection.refusedHeads = new RefusedHeads(session);
    connection.intake = new Http2Intake({
      onExchange: this.#onExchange,
      cutOff: () => cutOffSession(session, this.#onFault),
      onFault: this.#onFault,
    });
    this.#budget.add(connection, this.#stallTimeout);
    limitSession(session, connection, {
      headTimeout: (this.#server as Http1Limits).headersTimeout!,
      idleTimeout: IDLE_TIMEOUT,
      onEnd: () => this.#sessions.delete(session),
      onFault: this.#onFault,
    });
    if (this.#state.draining) {
      if (this.#state.notice > 0) endAfterNotice(session, this.#onFault);
      else session.close();
    }
    this.#observer.onSession?.(session);
  }

  /** Handles an HTTP/1.1 connection without traffic. */
  #handleTimeout(socket: Socket): void {
    const connection = this.#http1.get(socket);
    if (connection === undefined) return; // an HTTP/2 session, which has its own timeout
    if (!connection.isBusy()) socket.destroy();
    else if (connection.awaitsPeer()) connection.shed("the client neither reads the response nor sends the request");
  }

  #handleHttp2(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    raw: readonly string[] | undefined,
  ): void {
    stream.on("error", ignore);
    if (stream.session === undefined) return;
    const connection = this.#sessionConnection(stream.session);
    connection.headTimer?.clear();
    connection.refusedHeads?.accept();
    const exchange = http2ExchangeOf(stream, { headers, flags, raw }, connection, this.#acceptsTunnels);
    if (exchange !== undefined) connection.intake?.add(exchange);
  }

  #handleUpgrade(request: Http1Request, socket: Socket, rest: Uint8Array): void {
    // The parser has released the socket, so this request cannot wait for earlier ones.
    if ((this.#http1.get(socket)?.exchanges.size ?? 0) > 0) {
      socket.destroy();
      return;
    }
    const response = responseFor(request, socket, this.#onFault);
    const head = this.#headOf(request);
    // RFC 9110 §9.3.6: we are not a proxy, unless the handler is one.
    const isUnsupported = request.lines.hasContent || (request.method === "CONNECT" && !this.#acceptsTunnels);
    // RFC 9110 §7.8: HTTP/1.0 has no Upgrade.
    const isOffer = request.method === "CONNECT" || request.httpVersionMinor >= 1;
    if (isUnsupported) refuseHttp1(response, isRefusal(head) ? head.status : 501);
    else {
      const upgrade = upgradeOf(request, response, rest, {
        cutOff: () => this.#cutOff(socket),
        tunnels: this.#state.tunnels,
        onFault: this.#onFault,
      });
      this.#handleHttp1(response, isOffer ? upgrade : undefined);
    }
  }

  /** Resets the TCP connection of a TLS connection, because a close would look like a clean end. */
  #cutOff(socket: Socket): void {
    this.#rawOf(socket)?.resetAndDestroy();
    socket.destroy();
  }

  /** The TCP connection of a TLS connection; undefined over a UNIX domain socket. */
  #rawOf({ remotePort, remoteAddress }: Socket): Socket | undefined {
    if (remotePort === undefined) return undefined;
    for (const raw of this.#sockets) {
      if (raw.remotePort === remotePort && raw.remoteAddress === remoteAddress) return raw;
    }
    return undefined;
  }

  #queueHttp1(response: Http1Response): void {
    this.#http1.get(response.req.socket)?.pipeline?.add(response);
  }

  readonly #beginHttp1 = guard(
    "http1 begin",
    (fault, response: Http1Response) => this.#destroy(fault, response),
    (response: Http1Response) => this.#handleHttp1(response),
  );

  #handleHttp1(response: Http1Response, upgrade?: Http1Upgrade): void {
    const request = response.req;
    const connection = this.#http1.get(request.socket) ?? this.#connectionOf(request.socket, request.socket);
    const head = this.#headOf(request);
    if (isRefusal(head)) {
      connection.pipeline?.stop();
      this.#refusal.note(request.socket);
      refuseHttp1(response, head.status);
      return;
    }
    // Node's parser drops the rest of a read after a request with Upgrade, so a later request could get lost.
    if (request.lines.upgrade !== undefined) response.shouldKeepAlive = false;
    this.#onExchange(new Http1ServerExchange(response, head, connection, upgrade));
  }

  #headOf(request: Http1Request): ReturnType<typeof http1Head> {
    return http1Head(request, (this.#server as Http1Limits).requireHostHeader !== false);
  }

  #handleClientError(error: Error, socket: Socket): void {
    const connection = this.#http1.get(socket);
    const exchanges = [...(connection?.exchanges ?? [])];
    const answered = exchanges.some(({ status }) => status !== undefined);
    connection?.abort(error);
    if (this.#observer.onClientError?.(error, socket)) return;
    this.#refusal.handle(error, socket, answered);
  }
}
