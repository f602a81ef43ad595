/**
 * Plain HTTP for operators, apart from the server's own ports: metrics, and whether the process lives and is ready. It
 * takes GET and HEAD of fixed paths only, so it has nothing to attack but its number of connections.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { detach, type Fault, guard } from "../guard.ts";
import { bindServer, boundAddress } from "../http/bind-server.ts";
import type { BoundAddress } from "../http/listener.ts";
import { listenError } from "../listen/errors.ts";

/** Milliseconds in which a request must have arrived. */
const REQUEST_TIMEOUT = 10_000;
/** Scrapers and probes need a handful. */
const MAX_CONNECTIONS = 64;
const TEXT = "text/plain; charset=utf-8";

export interface StatusAnswer {
  readonly status: number;
  readonly type?: string;
  readonly text: string;
}

/** By path. */
export type StatusPages = Readonly<Record<string, () => StatusAnswer | Promise<StatusAnswer>>>;

export class StatusListener {
  readonly address: BoundAddress;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.address = boundAddress(server)!;
  }

  /** Rejects with a `ServeError`. */
  static async open(
    place: { readonly port: number; readonly host: string },
    pages: StatusPages,
    onFault: (fault: Fault) => void,
  ): Promise<StatusListener> {
    const limits = { headersTimeout: REQUEST_TIMEOUT, requestTimeout: REQUEST_TIMEOUT, maxHeaderSize: 8 * 1024 };
    const refuse = (fault: Fault, _request: IncomingMessage, response: ServerResponse): void => {
      response.destroy();
      onFault(fault);
    };
    const handle = guard("status request", refuse, (request: IncomingMessage, response: ServerResponse) =>
      detach("status page", (fault) => refuse(fault, request, response), answer(pages, request, response)),
    );
    const server = createServer(limits, handle);
    server.maxConnections = MAX_CONNECTIONS;
    try {
      await bindServer(server, place, onFault);
    } catch (error) {
      throw listenError(error, "tcp", place.host, place.port);
    }
    // The server's own ports keep the process alive.
    server.unref();
    return new StatusListener(server);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function answer(pages: StatusPages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ""] = (request.url ?? "").split("?", 1);
  const { status, type = TEXT, text } = await pageOf(pages, path, request.method);
  const bytes = Buffer.from(text);
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

async function pageOf(pages: StatusPages, path: string, method: string | undefined): Promise<StatusAnswer> {
  if (!Object.hasOwn(pages, path)) return { status: 404, text: `there is only ${Object.keys(pages).join(", ")}\n` };
  if (method !== "GET" && method !== "HEAD") return { status: 405, text: "only GET and HEAD\n" };
  return pages[path]!();
}
