/** The WHATWG face of a ServerExchange: a function from Request to Response, as Deno, Bun, Hono and service workers have it. */
import type { FieldLine } from "../../http/index.ts";
import { printable } from "../../wire/printable.ts";
import type { ConnectionInfo, ExchangeHandler, HttpVersion, PeerAddress, ServerExchange } from "./exchange.ts";
import { sendResponse } from "./send-response.ts";
import { createServerRequest, requestUrl, type ServerRequest } from "./server-request.ts";
import { looksAccepted } from "./tunnel.ts";
import { ContextTunnel, type HeadersInit, type TunnelRequest } from "./tunnel-streams.ts";

/** What a handler may know beyond the Request. */
export interface Context {
  readonly protocol: HttpVersion;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  /** Figures of the connection; undefined over TCP. */
  readonly connection: ConnectionInfo | undefined;
  /** Aborted when the client gives up. The same as `request.signal`. */
  readonly signal: AbortSignal;
  /** Where the client asks for a tunnel: CONNECT, extended CONNECT, or Upgrade in HTTP/1.1. */
  readonly tunnel: TunnelRequest | undefined;
  /** The request's trailer fields, once its body has been read. */
  readonly trailers: Promise<Headers>;
  /** Sends an informational response (1xx), such as 103 with `link` fields. */
  inform(status: number, headers?: HeadersInit): void;
  /** Trailer fields of the response. Call it before the response's body ends, and name them in a `trailer` field. */
  addTrailers(trailers: HeadersInit): void;
  /** Work that outlives the response: draining waits for it. */
  waitUntil(promise: Promise<unknown>): void;
  /** Does nothing: there is no origin behind a handler here. Workers have it, and frameworks call it. */
  passThroughOnException(): void;
  /** Empty: what Wrangler gives to workers. Frameworks made for them have it in their types. */
  readonly props: Readonly<Record<string, unknown>>;
}

/** The context comes twice: as the environment and as the execution context that handlers of workers are given. */
export type Handler = (request: Request, context: Context, execution: Context) => Response | Promise<Response>;

export interface FetchHandlerOptions {
  /** Answers for a handler that threw; without it, or if it throws as well, the answer is 500. */
  readonly onError?: ((error: unknown) => Response | Promise<Response>) | undefined;
  /**
   * Hands the handler Node's own Request in place of a light one, which `fetch(request)` and `new Request(request)`
   * refuse. It costs some 10 to 30 µs a request. Without it: `fetch(request.url, request)`.
   */
  readonly nativeRequest?: boolean | undefined;
  /** One line about a handler that threw. Standard error by default. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface FetchHandler {
  readonly handle: ExchangeHandler;
  readonly acceptsTunnels: true;
  /** Resolves when all that `waitUntil` was given has settled. */
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

  const answer = async (exchange: ServerExchange, request: ServerRequest, context: FetchContext): Promise<void> => {
    let response: Response;
    try {
      response = await handler(nativeRequest ? request.native() : (request as unknown as Request), context, context);
      if (!(response instanceof Response)) throw new TypeError("the handler did not return a Response");
    } catch (error) {
      if (exchange.aborted !== undefined) return; // failing is what a cancelled handler does
      if (context.tunnel?.isAccepted === true) {
        logError(exchange, error);
        context.tunnel.reset(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      response = await errorResponse(exchange, error, options.onError, logError);
    }
    // What the handler returned stands for an answer that has left.
    if (context.tunnel?.isAccepted === true) return;
    if (looksAccepted(exchange.method, response.status)) {
      await response.body?.cancel();
      // RFC 9110 §9.3.6: a handler that does not know CONNECT must not accept it by accident.
      response = new Response(null, { status: 501 });
    }
    await sendResponse(exchange, response, () => context.responseTrailers);
  };

  return {
    acceptsTunnels: true,
    handle: (exchange) => {
      const url = requestUrl(exchange);
      if (url === undefined) {
        exchange.respond(400, [], { endStream: true });
        return;
      }
      const request = createServerRequest(exchange, url);
      exchange.onAbort = (reason) => request.abort(reason);
      const context = new FetchContext(exchange, request, waitUntil);
      answer(exchange, request, context).catch((error: unknown) => {
        if (exchange.aborted !== undefined) return;
        logError(exchange, error);
        if (exchange.status === undefined) exchange.respond(500, [], { endStream: true });
        else exchange.reset(error instanceof Error ? error : new Error(String(error)));
      });
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

/** Node says this of a Request that is not its own: before version 24, then from there on. */
const NOT_NATIVE = /reading 'window'|private member #state/;

function adviceFor(error: unknown): string {
  if (!(error instanceof TypeError) || !NOT_NATIVE.test(error.message)) return "";
  return "; Node's Request and fetch take request.url and request, or the request alone with nativeRequest: true";
}

/** The message, and where it was thrown, on one line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => line.startsWith("    at "));
  return `${error.name}: ${error.message}${place === undefined ? "" : ` (${place.trim()})`}`.replaceAll("\n", " ");
}

function notAResponse(name: string): never {
  throw new TypeError(
    `the handler asked its context for ${name}: it is made for Node's (req, res); ` +
      'import { createServer } from "nagare/node" and write createServer({ cert, key }, listener).listen(443); ' +
      "a fetch handler is given a Request and returns a Response",
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
      throw new RangeError(`${status} is no informational status that can be sent`);
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

  // What a listener made for Node's (req, res) reaches for first, where it finds the context in place of `res`.
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
