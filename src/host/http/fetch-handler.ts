/**
 * Fetch handlers on a ServerExchange: functions from Request to Response, as in Deno, Bun, Hono and service workers.
 */

import { printable } from "../../wire/printable.ts";
import type { HostClock } from "../clock.ts";
import { type Scope, scopesOfListener, within } from "../request-scope.ts";
import type { ExchangeHandler, ServerExchange } from "./exchange.ts";
import { type FetchMessage, publishError, traced } from "./fetch-channel.ts";
import { type Context, FetchContext } from "./fetch-context.ts";
import { sendResponse } from "./send-response.ts";
import { createServerRequest, requestUrl, type ServerRequest } from "./server-request.ts";
import { looksAccepted } from "./tunnel.ts";

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
      if (context.isTunnelled) {
        logError(exchange, error);
        context.resetTunnel(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      response = await errorResponse(exchange, error, options.onError, logError);
    }
    if (message !== undefined) message.response = response;
    // The returned response is a placeholder for the one already sent.
    if (context.isTunnelled) return;
    if (looksAccepted(exchange.method, response.status)) {
      await response.body?.cancel();
      // RFC 9110 §9.3.6: a handler that does not support CONNECT must not accept it by accident.
      response = new Response(null, { status: 501 });
    }
    await sendResponse(exchange, response, context, options.clock);
  };

  const handle = (exchange: ServerExchange, scope: Scope): void => {
    const url = requestUrl(exchange);
    if (url === undefined) {
      exchange.respond(400, [], { endStream: true });
      return;
    }
    const request = createServerRequest(exchange, url);
    exchange.onAbort = within(scope, (reason) => request.abort(reason));
    const context = new FetchContext(exchange, request, waitUntil, options.clock);
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
