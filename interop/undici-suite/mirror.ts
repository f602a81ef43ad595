/** A server of nagare/node beside each plain HTTP server of a test, which passes requests on to the test's handler. */
import http, { type Server } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { install } from "../../src/undici/index.ts";

type Method = (...given: never[]) => unknown;
type Loose = Record<string, Method>;
type AnyMethod = (...given: unknown[]) => unknown;
type Options = { readonly origin?: string | URL };

/** The tests' servers, and the servers beside them. */
const PLAIN = "127.0.0.1";
const MIRROR = "127.0.0.2";

const ports = new Set<string>();

/** Sends requests for http:// servers of the tests to the servers beside them, over `protocol`. */
export async function mirrorServers(protocol: "http/1.1" | "h2" | "h3"): Promise<void> {
  const create = http.createServer as (...given: unknown[]) => Server;
  http.createServer = ((...given: unknown[]) => mirrored(create(...given))) as typeof http.createServer;
  syncBuiltinESMExports();
  install({ protocols: [protocol], rejectUnauthorized: false, resolve: () => [MIRROR] });
  const places = [1, 2].map((n) => Symbol.for(`undici.globalDispatcher.${n}`));
  const agent = (globalThis as unknown as Record<symbol, Loose>)[places[0]!]!;
  const dispatch = agent.dispatch as (options: Options, handler: unknown) => boolean;
  agent.dispatch = (options: Options, handler: unknown) =>
    dispatch.call(agent, { ...options, origin: mirrorOf(options.origin) }, handler);
}

function mirrorOf(origin: string | URL | undefined): string {
  const url = new URL(origin!);
  if (url.protocol !== "http:" || !ports.has(url.port)) return String(origin);
  return `https://localhost:${url.port}`;
}

function mirrored(server: Server): Server {
  const methods = server as unknown as Loose;
  const { emit, listen, close, closeAllConnections } = server as unknown as Record<string, AnyMethod>;
  const mirror = createServer({ ...localhostIdentity }, (request, response) => {
    server.emit("request", request, response);
  });
  methods.listen = (...given: unknown[]) => listen!.apply(server, withHost(given));
  methods.emit = (event: string, ...given: unknown[]) => {
    if (event !== "listening" || mirror.listening) return emit!.call(server, event, ...given) as boolean;
    const { port } = server.address() as { port: number };
    mirror.listen(port, MIRROR, () => {
      ports.add(String(port));
      emit!.call(server, "listening");
    });
    return true;
  };
  methods.close = (...given: unknown[]) => {
    mirror.close();
    return close!.apply(server, given);
  };
  methods.closeAllConnections = () => {
    mirror.closeAllConnections();
    closeAllConnections!.call(server);
  };
  return server;
}

/** The arguments of `listen`, with the address of the tests' servers. */
function withHost(given: unknown[]): unknown[] {
  const [first, second, ...rest] = given;
  if (typeof first === "object" && first !== null) return [{ host: PLAIN, ...first }, ...given.slice(1)];
  if (typeof first === "function" || first === undefined) return [0, PLAIN, ...given];
  return typeof second === "string" ? given : [first, PLAIN, ...(given.length > 1 ? [second] : []), ...rest];
}
