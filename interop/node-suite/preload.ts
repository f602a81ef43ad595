/**
 * Loaded before a file of Node's tests: puts the server under test in place of http.createServer and
 * https.createServer. NODE_SUITE_SERVER chooses it: "ours" for nagare/node, "node" for node:https, which shows the
 * failures that TLS in place of TCP causes.
 */
import type { EventEmitter } from "node:events";
import http from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { addTarget, redirectClients } from "./redirect.ts";

type AnyServer = EventEmitter & { listen(...given: unknown[]): unknown; address(): unknown };
type Create = (options?: unknown, listener?: unknown) => AnyServer;

const isOurs = process.env.NODE_SUITE_SERVER === "ours";
const { createServer } = isOurs ? await import("../../src/node/index.ts") : https;
const create = createServer as unknown as Create;
/** Many files compare whole heads, which therefore have no alt-svc. */
const OPTIONS = isOurs ? { altSvc: { advertise: false } } : {};

const isOptions = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Redirects clients of this server, once it has an address. */
function announced(server: AnyServer): AnyServer {
  const add = (): void => addTarget(server.address());
  const { listen } = server;
  server.listen = (...given) => {
    server.once("listening", add);
    listen.apply(server, given);
    add();
    return server;
  };
  return server;
}

/** With node:https, the connection that carries HTTP is that of "secureConnection". */
function withPlainConnections(server: AnyServer): AnyServer {
  if (isOurs) return server;
  const translated = (event: unknown): unknown => (event === "connection" ? "secureConnection" : event);
  for (const name of METHODS) {
    const method = server[name] as (...given: unknown[]) => unknown;
    (server as unknown as Record<string, unknown>)[name] = (event: unknown, ...given: unknown[]) =>
      method.call(server, translated(event), ...given);
  }
  return server;
}

const METHODS = [
  "on",
  "once",
  "off",
  "addListener",
  "prependListener",
  "removeListener",
  "removeAllListeners",
  "listenerCount",
  "listeners",
] as const;

const createSecure: Create = (options, listener) =>
  announced(create(isOptions(options) ? { ...OPTIONS, ...options } : options, listener));

const createPlain: Create = (options, listener) => {
  // What neither server accepts is passed on as it is.
  if (options !== undefined && options !== null && typeof options !== "function" && !isOptions(options)) {
    return create(options, listener);
  }
  const given = isOptions(options) ? options : {};
  const called = typeof options === "function" ? options : listener;
  return withPlainConnections(announced(create({ ...OPTIONS, ...localhostIdentity, ...given }, called)));
};

/** A class that can be called without `new`, like Node's. */
function classOf(make: Create, { prototype }: { readonly prototype: object }): Create {
  const Server = function Server(options: unknown, listener: unknown): AnyServer {
    return make(options, listener);
  };
  return Object.assign(Server as unknown as Create, { prototype });
}

const { prototype } = create({ ...localhostIdentity }).constructor as { readonly prototype: object };
Object.assign(http, { createServer: createPlain, Server: classOf(createPlain, { prototype }) });
Object.assign(https, { createServer: createSecure, Server: classOf(createSecure, { prototype }) });
redirectClients();
syncBuiltinESMExports();
