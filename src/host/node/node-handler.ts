/**
 * Presents exchanges to listeners as `http.Server` presents its parser's requests: a request is an event with `req` and
 * `res`, a tunnel is "upgrade" or "connect". Events have the same order as in HTTP/1.1, in every version.
 */
import { type Channel, channel } from "node:diagnostics_channel";
import type { EventEmitter } from "node:events";
import { IncomingMessage, STATUS_CODES } from "node:http";
import { fieldValue } from "../../http/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { ExchangeHandler, ServerExchange } from "../http/exchange.ts";
import { type Scope, scopesOfListener, within } from "../request-scope.ts";
import { WebTransportRefusal, WebTransportRequest } from "../webtransport/web-transport-request.ts";
import type { Http1Settings } from "./http1-settings.ts";
import {
  completeRequest,
  createRequest,
  dumpRequest,
  type Incoming,
  type OwnRequestClass,
  ownRequestClass,
  type RequestClass,
  type RequestOwner,
} from "./incoming.ts";
import { connectionReset } from "./node-errors.ts";
import type { Outbox, OutboxOwner } from "./outbox.ts";
import { createResponse, type OwnResponseClass, ownResponseClass, type ResponseClass } from "./outgoing.ts";
import type { Outgoing } from "./outgoing-members.ts";
import { type SocketOwner, StreamSocket } from "./stream-socket.ts";

/** The server that emits the events. */
export interface NodeServer extends EventEmitter {
  readonly timeout: number;
}

export interface NodeHandlerOptions {
  readonly server: NodeServer;
  readonly settings: Http1Settings;
  readonly IncomingMessage: RequestClass;
  readonly ServerResponse: ResponseClass;
  readonly log: (line: string) => void;
  readonly onFault: (fault: Fault) => void;
}

// Node's own channels, with its messages. ServerResponse publishes "http.server.response.created" itself.
const requestStart = channel("http.server.request.start");
const responseFinish = channel("http.server.response.finish");

const NOTHING = new Uint8Array();
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** The options, and the classes of `req` and `res` made from the given ones. */
interface Host extends NodeHandlerOptions {
  readonly Request: OwnRequestClass;
  readonly Response: OwnResponseClass;
}

export function createNodeHandler(options: NodeHandlerOptions): ExchangeHandler {
  const host: Host = {
    ...options,
    Request: ownRequestClass(options.IncomingMessage),
    Response: ownResponseClass(options.ServerResponse),
  };
  const createScope = scopesOfListener();
  return (exchange) => {
    const scope = createScope();
    scope.runInAsyncScope(handleExchange, undefined, exchange, host, scope);
  };
}

function handleExchange(exchange: ServerExchange, host: Host, scope: Scope): void {
  const { tunnelOffer, http1 } = exchange;
  if (tunnelOffer === undefined) new Transaction(exchange, host, scope).dispatch();
  else if (host.server.listenerCount("webtransport") > 0 && WebTransportRequest.isFor(exchange)) {
    openSession(exchange, host);
  } else {
    const event = tunnelOffer.protocol === undefined ? "connect" : "upgrade";
    if (host.server.listenerCount(event) > 0) openTunnel(exchange, event, host, scope);
    // RFC 9110 §7.8: a server may ignore Upgrade.
    else if (event === "upgrade" && http1 !== undefined) new Transaction(exchange, host, scope).dispatch();
    else exchange.respond(501, [], { endStream: true });
  }
}

/**
 * Announces the socket of a request. As over HTTP/1.1, each `req.socket` was announced before, and closes with its
 * requests, so programs that track sockets work: here a socket has one request.
 */
function announce(server: NodeServer, socket: StreamSocket): void {
  if (server.listenerCount("secureConnection") > 0) server.emit("secureConnection", socket);
}

/** A session has no socket: its listener accepts or refuses it. */
function openSession(exchange: ServerExchange, host: Host): void {
  const request = new WebTransportRequest(exchange);
  try {
    host.server.emit("webtransport", request);
  } catch (error) {
    const refusal = error instanceof WebTransportRefusal ? error : undefined;
    if (refusal === undefined) report(host, exchange, error);
    if (request.isAccepted) request.reset(error as Error);
    else request.refuse(refusal?.status ?? 500);
  }
}

function openTunnel(exchange: ServerExchange, event: "connect" | "upgrade", host: Host, scope: Scope): void {
  const { server, settings, onFault } = host;
  const { highWaterMark } = settings;
  const handleListenerError = (error: unknown): void => report(host, exchange, error);
  const socket = new StreamSocket(exchange, { server, highWaterMark, onFault, handleListenerError });
  const fail = (error: unknown): void => {
    handleListenerError(error);
    socket.destroy();
  };
  const owner: RequestOwner = {
    exchange,
    socket,
    isFinished: false,
    isWaiting: false,
    fail,
    handleRequestEnd: () => undefined,
  };
  const request = createRequest(host.Request, owner, settings.joinDuplicateHeaders);
  request.complete = true;
  request.push(null);
  Object.assign(request, { upgrade: true });
  exchange.onAbort = within(scope, (reason) => socket.destroy(connectionReset(reason)));
  const close = guard("node tunnel refused", onFault, () => void socket.destroy());
  exchange.onClose = () => {
    if (socket.isRefused) process.nextTick(close);
  };
  announce(server, socket);
  try {
    if (socket.destroyed) return;
    const { buffer, byteOffset, byteLength } = exchange.tunnelOffer?.takeRest?.() ?? NOTHING;
    server.emit(event, request, socket, Buffer.from(buffer, byteOffset, byteLength));
  } catch (error) {
    fail(error);
  }
}

/** True for errors of an HTTP/1.1 connection or its parser, which Node's server emits on the socket. */
const isConnectionError = (reason: Error): boolean => typeof (reason as NodeJS.ErrnoException).code === "string";

/** One request and its response. */
class Transaction implements RequestOwner, OutboxOwner, SocketOwner {
  readonly exchange: ServerExchange;
  readonly socket: StreamSocket;
  isFinished = false;
  isWaiting = false;
  readonly #host: Host;
  readonly #request: Incoming;
  readonly #response: Outgoing;
  readonly #outbox: Outbox;

  constructor(exchange: ServerExchange, host: Host, scope: Scope) {
    this.exchange = exchange;
    this.#host = host;
    const { server } = host;
    const socket = new StreamSocket(exchange, this);
    this.socket = socket;
    if (server.timeout > 0) socket.setTimeout(server.timeout);
    this.#request = createRequest(host.Request, this, host.settings.joinDuplicateHeaders);
    const { response, outbox } = createResponse(host.Response, this.#request, socket, this);
    this.#response = response;
    this.#outbox = outbox;
    this.#publish(requestStart);
    // `assignSocket` would also add a listener to the socket for what `handleClose` does.
    response.socket = socket;
    socket._httpMessage = response;
    exchange.onAbort = within(scope, (reason) => socket.destroy(isConnectionError(reason) ? reason : undefined));
    exchange.onClose = () => {
      if (exchange.aborted === undefined) outbox.handleClose();
    };
  }

  /** Emits the request. */
  dispatch(): void {
    const { server } = this.#host;
    announce(server, this.socket);
    if (this.socket.destroyed) return;
    const request = this.#request;
    const response = this.#response;
    const expect = this.#expectation();
    try {
      if (expect === undefined) server.emit("request", request, response);
      else if (CONTINUE.test(expect)) {
        response._expect_continue = true;
        if (server.listenerCount("checkContinue") > 0) server.emit("checkContinue", request, response);
        else {
          response.writeContinue();
          server.emit("request", request, response);
        }
      } else if (server.listenerCount("checkExpectation") > 0) server.emit("checkExpectation", request, response);
      else response.writeHead(417).end();
    } catch (error) {
      this.fail(error);
    }
    // Node's parser ends an empty message after calling the listener.
    if (this.exchange.body.state === "ended") completeRequest(request);
  }

  #expectation(): string | undefined {
    const { http1 } = this.exchange;
    if (http1 === undefined) return fieldValue(this.exchange.fields, "expect");
    return http1.version === "1.0" ? undefined : http1.expect;
  }

  // ── SocketOwner ─────────────────────────────────────────────────────────────────────────────────────────────────────

  get server(): NodeServer {
    return this.#host.server;
  }

  get settings(): Http1Settings {
    return this.#host.settings;
  }

  get highWaterMark(): number | undefined {
    return this.#host.settings.highWaterMark;
  }

  onFault(fault: Fault): void {
    this.#host.onFault(fault);
  }

  handleListenerError(error: unknown): void {
    report(this.#host, this.exchange, error);
  }

  handleClose(): void {
    this.#outbox.abort();
    if (!this.isFinished || !this.#request.complete) {
      this.#request.destroy(connectionReset(this.exchange.aborted));
    }
    if (this.socket._httpMessage !== null) this.#closeResponse();
  }

  handleTimeout(): void {
    const request = this.#request;
    const isHandled = [
      !request.complete && request.emit("timeout", this.socket),
      this.socket._httpMessage !== null && this.#response.emit("timeout", this.socket),
      this.#host.server.emit("timeout", this.socket),
    ];
    if (!isHandled.includes(true)) this.socket.destroy();
  }

  // ── Request and response ────────────────────────────────────────────────────────────────────────────────────────────

  /** Fails the request as Node's server does when a listener's promise is rejected. */
  fail(error: unknown): void {
    report(this.#host, this.exchange, error);
    const response = this.#response;
    if (response.headersSent || response.writableEnded) {
      if (!response.writableEnded) response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = 500;
    response.end(STATUS_CODES[500]);
  }

  #publish(to: Channel): void {
    if (!to.hasSubscribers) return;
    to.publish({ request: this.#request, response: this.#response, socket: this.socket, server: this.server });
  }

  handleFinish(): void {
    this.#publish(responseFinish);
    const request = this.#request;
    this.isFinished = true;
    if (DETACH_SIGNAL !== undefined) (request as unknown as Record<symbol, () => void>)[DETACH_SIGNAL]?.();
    dumpRequest(request);
    this.socket._httpMessage = null;
    this.#response.socket = null;
    process.nextTick(close, this);
  }

  /** Emits "close", one tick after "finish". */
  close(): void {
    this.#closeResponse();
    if (this.exchange.body.state !== "open") completeRequest(this.#request);
    this.#closeSocket();
  }

  #closeResponse(): void {
    const response = this.#response;
    if (response._closed) return;
    response.destroyed = true;
    response._closed = true;
    response.emit("close");
  }

  handleRequestEnd(): void {
    this.#closeSocket();
  }

  /** Closes the socket once request and response are both complete. */
  #closeSocket(): void {
    if (this.isFinished && this.#response._closed && this.#request.complete) this.socket.closeQuietly();
  }

  handleFault(fault: Fault): void {
    this.#host.onFault(fault);
    this.socket.destroy();
  }
}

const close = guard(
  "node response close",
  (fault, transaction: Transaction) => transaction.handleFault(fault),
  (transaction: Transaction) => transaction.close(),
);

function report({ log }: NodeHandlerOptions, exchange: ServerExchange, error: unknown): void {
  const isError = error instanceof Error;
  const place = isError ? error.stack?.split("\n").find((line) => line.startsWith("    at ")) : undefined;
  const what = isError ? `${error.name}: ${error.message}${place === undefined ? "" : ` (${place.trim()})`}` : error;
  log(`nagare: ${exchange.method} ${exchange.path}: ${what}`.replaceAll("\n", " "));
}

/** Since Node 26, `req.signal` aborts when the socket closes, until the response has finished. */
const DETACH_SIGNAL = Object.getOwnPropertySymbols(IncomingMessage.prototype).find(
  ({ description }) => description === "kDetachAbortSignal",
);
