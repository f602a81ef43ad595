/** A server of nagare/node beside each plain HTTP server of a test, which passes requests on to the test's handler. */
import http, { type Server } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { createServer as createTcpServer } from "node:net";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { install } from "../../src/undici/index.ts";

type Method = (...given: unknown[]) => unknown;
type Headers = Record<string, unknown> | Iterable<[string, unknown]>;

interface Options {
  readonly origin?: string | URL;
  readonly headers?: unknown;
}

const ADDRESS = "127.0.0.1";

/** By port of the test's server: the port of the one beside it. */
const mirrors = new Map<string, number>();
/** By port: fulfilled when that server listens. */
const listening = new Map<number, Promise<void>>();

/** Sends requests for http:// servers of the tests to the servers beside them, over `protocol`. */
export function mirrorServers(protocol: "http/1.1" | "h2" | "h3"): void {
  const create = http.createServer as (...given: unknown[]) => Server;
  http.createServer = ((...given: unknown[]) => mirrored(create(...given))) as typeof http.createServer;
  syncBuiltinESMExports();
  const resolve = async (_host: string, port: number): Promise<string[]> => {
    await listening.get(port);
    return [ADDRESS];
  };
  install({ protocols: [protocol], rejectUnauthorized: false, resolve });
  const place = Symbol.for("undici.globalDispatcher.1");
  const agent = (globalThis as unknown as Record<symbol, { dispatch: Method }>)[place]!;
  const { dispatch } = agent;
  agent.dispatch = (options, handler) => dispatch.call(agent, redirected(options as Options), handler);
}

/** The server beside gets the authority of the test's server. */
function redirected(options: Options): Options {
  const { protocol, port, host } = new URL(options.origin!);
  const mirror = mirrors.get(port);
  if (protocol !== "http:" || mirror === undefined) return options;
  return { ...options, origin: `https://localhost:${mirror}`, headers: withHost(options.headers, host) };
}

function withHost(headers: unknown, host: string): unknown {
  if (headers === null || headers === undefined) return { host };
  if (Array.isArray(headers)) return ["host", host, ...headers];
  const pairs = Symbol.iterator in (headers as object) ? [...(headers as never)] : Object.entries(headers as Headers);
  return pairs.some(([name]) => name.toLowerCase() === "host") ? headers : [["host", host], ...pairs].flat();
}

function mirrored(server: Server): Server {
  const methods = server as unknown as Record<string, Method>;
  const { listen, close, closeAllConnections } = methods;
  const mirror = createServer({ ...localhostIdentity }, (request, response) => {
    server.emit("request", request, response);
  });
  methods.listen = (...given) => {
    listen!.apply(server, given);
    const port = freePort();
    listening.set(port, new Promise((resolve) => mirror.listen(port, ADDRESS, resolve)));
    const announce = (): unknown => mirrors.set(String((server.address() as { port: number }).port), port);
    if (server.address() === null) server.prependOnceListener("listening", announce);
    else announce();
    return server;
  };
  methods.close = (...given) => {
    mirror.close();
    return close!.apply(server, given);
  };
  methods.closeAllConnections = () => {
    mirror.closeAllConnections();
    return closeAllConnections!.call(server);
  };
  return server;
}

/** Listening without an address has its port at once. */
function freePort(): number {
  const server = createTcpServer().listen(0);
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
