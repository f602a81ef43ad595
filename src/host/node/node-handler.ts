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
import type { Http1Settings } from "./http1-settings.ts";
import { completeRequest, createRequest, type Incoming, REQUEST_STATE, type RequestClass } from "./incoming.ts";
import { connectionReset } from "./node-errors.ts";
import type { Outbox } from "./outbox.ts";
import { createResponse, type ResponseClass } from "./outgoing.ts";
import type { Outgoing } from "./outgoing-members.ts";
import { StreamSocket } from "./stream-socket.ts";

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

export function createNodeHandler(options: NodeHandlerOptions): ExchangeHandler {
  const createScope = scopesOfListener();
  return (exchange) => {
    const scope = createScope();
    scope.runInAsyncScope(handleExchange, undefined, exchange, options, scope);
  };
}

function handleExchange(exchange: ServerExchange, options: NodeHandlerOptions, scope: Scope): void {
  const { tunnelOffer, http1 } = exchange;
  if (tunnelOffer === undefined) new Transaction(exchange, options, scope);
  else {
    const event = tunnelOffer.protocol === undefined ? "connect" : "upgrade";
    if (options.server.listenerCount(event) > 0) openTunnel(exchange, event, options, scope);
    // RFC 9110 §7.8: a server may ignore Upgrade.
    else if (event === "upgrade" && http1 !== undefined) new Transaction(exchange, options, scope);
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

function openTunnel(
  exchange: ServerExchange,
  event: "connect" | "upgrade",
  options: NodeHandlerOptions,
  scope: Scope,
): void {
  const { server, settings, onFault } = options;
  const onListenerError = (error: unknown): void => report(options, exchange, error);
  const socket = new StreamSocket(exchange, {
    server,
    highWaterMark: settings.highWaterMark,
    onFault,
    onListenerError,
  });
  const fail = (error: unknown): void => {
    onListenerError(error);
    socket.destroy();
  };
  const request = createRequest(options.IncomingMessage, exchange, socket, settings.joinDuplicateHeaders, { fail });
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
class Transaction {
  readonly #exchange: ServerExchange;
  readonly #options: NodeHandlerOptions;
  readonly #socket: StreamSocket;
  readonly #request: Incoming;
  readonly #response: Outgoing;
  readonly #outbox: Outbox;
  #isFinished = false;

  constructor(exchange: ServerExchange, options: NodeHandlerOptions, scope: Scope) {
    this.#exchange = exchange;
    this.#options = options;
    const { server, settings, onFault } = options;
    const socket = new StreamSocket(exchange, {
      server,
      highWaterMark: settings.highWaterMark,
      onFault,
      onListenerError: (error) => report(options, exchange, error),
      onTimeout: () => this.#handleTimeout(),
      onClose: () => this.#handleSocketClose(),
    });
    this.#socket = socket;
    if (server.timeout > 0) socket.setTimeout(server.timeout);
    const fail = (error: unknown): void => this.fail(error);
    const onEnd = (): void => this.#closeSocket();
    const { joinDuplicateHeaders } = settings;
    this.#request = createRequest(options.IncomingMessage, exchange, socket, joinDuplicateHeaders, { fail, onEnd });
    const { response, outbox } = createResponse(options.ServerResponse, this.#request, socket, {
      exchange,
      settings,
      onFault,
      fail,
      onFinish: () => this.#handleFinish(),
    });
    this.#response = response;
    this.#outbox = outbox;
    failures.set(response, fail);
    this.#publish(requestStart);
    response.assignSocket(socket as never);
    exchange.onAbort = within(scope, (reason) => socket.destroy(isConnectionError(reason) ? reason : undefined));
    exchange.onClose = () => {
      if (exchange.aborted === undefined) outbox.handleClose();
    };
    announce(server, socket);
    if (!socket.destroyed) this.#dispatch();
  }

  #dispatch(): void {
    const { server } = this.#options;
    const request = this.#request;
    const response = this.#response;
    const expect = request.httpVersion === "1.0" ? undefined : fieldValue(this.#exchange.fields, "expect");
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
    if (this.#exchange.body.state === "ended") completeRequest(request);
  }

  /** Fails the request as Node's server does when a listener's promise is rejected. */
  fail(error: unknown): void {
    report(this.#options, this.#exchange, error);
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
    const { server } = this.#options;
    to.publish({ request: this.#request, response: this.#response, socket: this.#socket, server });
  }

  #handleFinish(): void {
    this.#publish(responseFinish);
    const request = this.#request;
    this.#isFinished = true;
    request[REQUEST_STATE].hasResponded = true;
    if (DETACH_SIGNAL !== undefined) (request as unknown as Record<symbol, () => void>)[DETACH_SIGNAL]?.();
    // Drains content that was never read.
    if (!request._consuming && !request._readableState.resumeScheduled) request._dump();
    this.#response.detachSocket(this.#socket as never);
    process.nextTick(close, this);
  }

  /** Emits "close", one tick after "finish". */
  close(): void {
    const response = this.#response;
    if (!response._closed) {
      response.destroyed = true;
      response._closed = true;
      response.emit("close");
    }
    if (this.#exchange.body.state !== "open") completeRequest(this.#request);
    this.#closeSocket();
  }

  /** Ends the socket once request and response are both complete. */
  #closeSocket(): void {
    if (!(this.#isFinished && this.#response._closed && this.#request.complete)) return;
    this.#socket.isOver = true;
    this.#socket.destroy();
  }

  #handleSocketClose(): void {
    this.#outbox.abort();
    if (!this.#isFinished || !this.#request.complete) {
      this.#request.destroy(connectionReset(this.#exchange.aborted));
    }
  }

  #handleTimeout(): void {
    const request = this.#request;
    const isHandled = [
      !request.complete && request.emit("timeout", this.#socket),
      this.#socket._httpMessage !== null && this.#response.emit("timeout", this.#socket),
      this.#options.server.emit("timeout", this.#socket),
    ];
    if (!isHandled.includes(true)) this.#socket.destroy();
  }

  handleFault(fault: Fault): void {
    this.#options.onFault(fault);
    this.#socket.destroy();
  }
}

const close = guard(
  "node response close",
  (fault, transaction: Transaction) => transaction.handleFault(fault),
  (transaction: Transaction) => transaction.close(),
);

const failures = new WeakMap<object, (error: unknown) => void>();

/** Fails the request of a listener whose promise was rejected. Returns false for an unknown response. */
export function failResponse(response: object, error: unknown): boolean {
  const fail = failures.get(response);
  fail?.(error);
  return fail !== undefined;
}

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
