/**
 * Runs before a suite, in each of its processes: `http.createServer`, `https.createServer` and their `Server` classes
 * then create a server of nagare/node, or one of node:https for comparison, and connections to it go through its door.
 */
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { createServer } from "../../src/node/index.ts";
import { DIRECT, type Doors, openGateway, openTunnel } from "./doors.ts";
import { type Certificate, settingsFromEnvironment } from "./settings.ts";

const { server: kind, version, certificate } = settingsFromEnvironment();
const createNodeServer = https.createServer;
const doors = new Map<number, Doors>();

type Listener = http.RequestListener;
type AnyServer = Pick<http.Server, "address" | "prependOnceListener" | "once" | "listening"> & {
  listen(...given: unknown[]): unknown;
  close(...given: unknown[]): unknown;
};

function create(first?: https.ServerOptions | Listener, second?: Listener): AnyServer {
  const [given, listener] = typeof first === "function" ? [{}, first] : [first ?? {}, second];
  const isForeign = Boolean(given.key || given.cert || given.pfx);
  const options = isForeign ? given : { ...given, ...ownCertificate };
  const { cert, key } = given as Partial<Certificate>;
  const shown = cert && key ? { ca: cert, cert, key, isForeign } : certificate;
  const server = (kind === "nagare"
    ? createServer(options as never, listener)
    : createNodeServer(options, listener as Listener)) as unknown as AnyServer;
  return withDoors(server, shown);
}

const ownCertificate = { cert: certificate.cert, key: certificate.key };

/** Opens doors when the server listens, and closes them with it. */
function withDoors(server: AnyServer, shown: Certificate): AnyServer {
  const { listen, close } = server;
  let port: number | undefined;
  const open = (): void => {
    const address = server.address() as net.AddressInfo | null;
    if (address === null || port !== undefined || typeof address === "string") return;
    const host = ["::", "0.0.0.0"].includes(address.address) ? "127.0.0.1" : address.address;
    const target = { host: net.isIPv6(host) && version === "h3" ? `[${host}]` : host, port: address.port };
    port = address.port;
    if (doors.has(port)) return; // another address of the same server
    doors.set(port, version === "h1" ? openTunnel(target, shown) : openGateway(target, serverVersion, shown));
  };
  server.listen = (...given) => {
    server.prependOnceListener("listening", open);
    const result = Reflect.apply(listen, server, given);
    open();
    return result;
  };
  server.close = (...given) => {
    const result = Reflect.apply(close, server, given);
    if (port !== undefined) {
      doors.get(port)?.close();
      doors.delete(port);
      port = undefined;
    }
    return result;
  };
  return server;
}

/** Node's server has no HTTP/3: it is compared behind the same gateway. */
const serverVersion = kind === "nagare" ? version : "h1";

/** Those that the suite made with node:http. */
const plainServers = new WeakSet<object>();

function createPlain(...given: Parameters<typeof create>): AnyServer {
  const server = create(...given);
  plainServers.add(server);
  return server;
}

const replaced = <C extends object>(Class: C, make = create): C =>
  new Proxy(Class, {
    construct: (_, given) => make(...(given as [])),
    apply: (_, _this, given) => make(...(given as [])),
  });

Object.assign(http, { createServer: createPlain, Server: replaced(http.Server, createPlain) });
Object.assign(https, { createServer: create, Server: replaced(https.Server) });

// A client that looks for TLS finds none where the suite asked for none.
Object.defineProperty(tls.Server, Symbol.hasInstance, {
  value: (server: object) =>
    Function.prototype[Symbol.hasInstance].call(tls.Server, server) && !plainServers.has(server),
});

const { connect } = net.Socket.prototype;
type Options = { port?: unknown; host?: string; [DIRECT]?: boolean };

net.Socket.prototype.connect = function (this: net.Socket, ...given: unknown[]) {
  // net.connect passes its own arguments as a list.
  const list = (Array.isArray(given[0]) ? given[0] : given) as unknown[];
  const [first, second] = list;
  const isObject = typeof first === "object" && first !== null;
  const options: Options = isObject ? first : { port: first, ...(typeof second === "string" ? { host: second } : {}) };
  const door = options[DIRECT] ? undefined : doors.get(Number(options.port));
  const port = this instanceof tls.TLSSocket ? door?.secure : door?.plain;
  if (port !== undefined) list[0] = isObject ? { ...options, port } : port;
  return Reflect.apply(connect, this, given);
} as typeof connect;
