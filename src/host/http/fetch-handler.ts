/**
 * Fetch handlers on a ServerExchange: functions from Request to Response, as in Deno, Bun, Hono and service workers.
 */

import type { FieldLine } from "../../http/index.ts";
import { printable } from "../../wire/printable.ts";
import type { HostClock } from "../clock.ts";
import { type Scope, scopesOfListener, within } from "../request-scope.ts";
import type { ConnectionInfo, ExchangeHandler, HttpVersion, PeerAddress, ServerExchange } from "./exchange.ts";
import { type FetchMessage, publishError, traced } from "./fetch-channel.ts";
import { sendResponse } from "./send-response.ts";
import { createServerRequest, requestUrl, type ServerRequest } from "./server-request.ts";
import { looksAccepted } from "./tunnel.ts";
import { ContextTunnel, type HeadersInit, type TunnelRequest } from "./tunnel-streams.ts";

/** What a handler gets in addition to the Request. */
export interface Context {
  readonly protocol: HttpVersion;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Statistics of the connection; undefined for TCP. */
  readonly connection: ConnectionInfo | undefined;
  /** Aborted if the client cancels the request. The same as `request.signal`. */
  readonly signal: AbortSignal;
  /** Set if the client requests a tunnel: CONNECT, extended CONNECT, or Upgrade in HTTP/1.1. */
  readonly tunnel: TunnelRequest | undefined;
  /** The request's trailer fields, once its body has been read. */
  readonly trailers: Promise<Headers>;
  /** Sends an informational response (1xx), such as 103 with `link` fields. */
  inform(status: number, headers?: HeadersInit): void;
  /** Adds trailer fields to the response. Call it before the body ends, and name the fields in a `trailer` field. */
  addTrailers(trailers: HeadersInit): void;
  /** Registers work that outlives the response; draining waits for it. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing, because there is no origin to fall back to. Workers have it, and frameworks call it. */
  passThroughOnException(): void;
  /** Empty. Wrangler passes it to workers, and frameworks for workers require it in their types. */
  readonly props: Readonly<Record<string, unknown>>;
}

/** The context is passed twice, in place of the environment and of the execution context of Workers handlers. */
export type Handler = (request: Request, context: Context, execution: Context) => Response | Promise<Response>;

export interface FetchHandlerOptions {
  /** Creates the response if the handler throws. Without it, or if it throws too, the response is 500. */
  readonly onError?: ((error: unknown) => Response | Promise<Response>) | undefined;
  /**
   * True to pass Node's own Request to the handler instead of a light one, which `fetch(request)` and
   * `new Request(request)` reject. Costs about 10 to 30 µs per request. Without it, use `fetch(request.url, request)`.
   */
  readonly nativeRequest?: boolean | undefined;
  /** Called with one line for each handler that throws. Default: writes it to standard error. */
  readonly log?: ((line: string) => void) | undefined;
  /** Default: the process's clock. */
  readonly clock?: HostClock | undefined;
}

export interface FetchHandler {
  readonly handle: ExchangeHandler;
  readonly acceptsTunnels: true;
  /** Resolves when all promises passed to `waitUntil` have settled. */
  settled(): Promise<void>;
}

export function createFetchHandler(handler: Handler, options: FetchHandlerOptions = {}): FetchHandler {
  const { nativeRequest = false } = options;
  const log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  const waiting = new Set<Promise<unknown>>();
  const logError = (exchange: ServerExchange, error: unknown): void =>
    log(
      printable(
        `nagare: ${exchange.method} ${exchange.path}: ${describe(error)}${nativeRequest ? "" : adviceFor(error)}`,
      ),
    );

  const waitUntil = (exchange: ServerExchange, promise: Promise<unknown>): void => {
    const settled = Promise.resolve(promise)
      .catch((error: unknown) => logError(exchange, error))
      .finally(() => waiting.delete(settled));
    waiting.add(settled);
  };

  const answer = async (
    exchange: ServerExchange,
    request: ServerRequest,
    context: FetchContext,
    message: FetchMessage | undefined,
  ): Promise<void> => {
    let response: Response;
    try {
      response = await handler(nativeRequest ? request.native() : (request as unknown as Request), context, context);
      if (!(response instanceof Response)) throw new TypeError("the handler did not return a Response");
    } catch (error) {
      if (message !== undefined) publishError(message, error);
      if (exchange.aborted !== undefined) return; // a cancelled handler is expected to fail
      if (context.tunnel?.isAccepted === true) {
        logError(exchange, error);
        context.tunnel.reset(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      response = await errorResponse(exchange, error, options.onError, logError);
    }
    if (message !== undefined) message.response = response;
    // The returned response is a placeholder for the one already sent.
    if (context.tunnel?.isAccepted === true) return;
    if (looksAccepted(exchange.method, response.status)) {
      await response.body?.cancel();
      // RFC 9110 §9.3.6: a handler that does not support CONNECT must not accept it by accident.
      response = new Response(null, { status: 501 });
    }
    await sendResponse(exchange, response, () => context.responseTrailers, options.clock);
  };

  const handle = (exchange: ServerExchange, scope: Scope): void => {
    const url = requestUrl(exchange);
    if (url === undefined) {
      exchange.respond(400, [], { endStream: true });
      return;
    }
    const request = createServerRequest(exchange, url);
    exchange.onAbort = within(scope, (reason) => request.abort(reason));
    const context = new FetchContext(exchange, request, waitUntil);
    traced(request as unknown as Request, context, (message) => answer(exchange, request, context, message)).catch(
      (error: unknown) => {
        if (exchange.aborted !== undefined) return;
        logError(exchange, error);
        if (exchange.status === undefined) exchange.respond(500, [], { endStream: true });
        else exchange.reset(error instanceof Error ? error : new Error(String(error)));
      },
    );
  };

  const createScope = scopesOfListener();
  return {
    acceptsTunnels: true,
    handle: (exchange) => {
      const scope = createScope();
      scope.runInAsyncScope(handle, undefined, exchange, scope);
    },
    settled: async () => {
      while (waiting.size > 0) await Promise.all(waiting);
    },
  };
}

async function errorResponse(
  exchange: ServerExchange,
  error: unknown,
  onError: FetchHandlerOptions["onError"],
  logError: (exchange: ServerExchange, error: unknown) => void,
): Promise<Response> {
  if (onError !== undefined) {
    try {
      return await onError(error);
    } catch (second) {
      logError(exchange, second);
    }
  }
  const status = (error as { status?: unknown } | undefined)?.status;
  if (typeof status === "number" && status >= 400 && status < 500) return new Response(null, { status });
  logError(exchange, error);
  return new Response("Internal Server Error", { status: 500 });
}

/** Node's messages about a foreign Request: before version 24, and since. */
const NOT_NATIVE = /reading 'window'|private member #state/;

function adviceFor(error: unknown): string {
  if (!(error instanceof TypeError) || !NOT_NATIVE.test(error.message)) return "";
  return "; pass request.url and request to Node's Request or fetch, or set nativeRequest: true";
}

/** The message, and where it was thrown, on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => line.startsWith("    at "));
  return `${error.name}: ${error.message}${place === undefined ? "" : ` (${place.trim()})`}`.replaceAll("\n", " ");
}

function notAResponse(name: string): never {
  throw new TypeError(
    `the handler used its context's ${name}, so it is written for Node's (req, res): ` +
      'import { createServer } from "nagare/node" and write createServer({ cert, key }, listener).listen(443); ' +
      "a fetch handler takes a Request and returns a Response",
  );
}

const NO_PROPS: Readonly<Record<string, unknown>> = Object.freeze({});

class FetchContext implements Context {
  responseTrailers: readonly FieldLine[] | undefined;
  readonly tunnel: ContextTunnel | undefined;
  readonly #exchange: ServerExchange;
  readonly #request: ServerRequest;
  readonly #waitUntil: (exchange: ServerExchange, promise: Promise<unknown>) => void;

  constructor(
    exchange: ServerExchange,
    request: ServerRequest,
    waitUntil: (exchange: ServerExchange, promise: Promise<unknown>) => void,
  ) {
    this.#exchange = exchange;
    this.#request = request;
    this.#waitUntil = waitUntil;
    const { tunnelOffer } = exchange;
    this.tunnel = tunnelOffer === undefined ? undefined : new ContextTunnel(exchange, tunnelOffer.protocol);
  }

  get protocol(): HttpVersion {
    return this.#exchange.protocol;
  }
  get remoteAddress(): PeerAddress {
    return this.#exchange.remoteAddress;
  }
  get localAddress(): PeerAddress {
    return this.#exchange.localAddress;
  }
  get connection(): ConnectionInfo | undefined {
    return this.#exchange.connection;
  }
  get signal(): AbortSignal {
    return this.#request.signal;
  }
  get trailers(): Promise<Headers> {
    return this.#request.trailers;
  }

  inform(status: number, headers?: HeadersInit): void {
    if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
      throw new RangeError(`${status} is not an informational status that can be sent`);
    }
    this.#exchange.inform(status, linesOf(headers));
  }

  addTrailers(trailers: HeadersInit): void {
    this.responseTrailers = [...(this.responseTrailers ?? []), ...linesOf(trailers)];
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#waitUntil(this.#exchange, promise);
  }

  passThroughOnException(): void {}

  get props(): Readonly<Record<string, unknown>> {
    return NO_PROPS;
  }

  // A listener written for Node's (req, res) gets the context in place of `res` and uses one of these first.
  get end(): never {
    return notAResponse("end");
  }
  get writeHead(): never {
    return notAResponse("writeHead");
  }
  get setHeader(): never {
    return notAResponse("setHeader");
  }
}

const linesOf = (headers: HeadersInit | undefined): FieldLine[] => [
  ...(new Headers(headers) as unknown as Iterable<FieldLine>),
];
