/** A server with all features, its clients, and traffic that reaches every entry from Node. */

import { createSocket, Socket as Datagram, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer, request as httpRequest } from "node:http";
import { type AddressInfo, createServer, Server as NetServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { deflateRawSync, deflateSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { type ClientOptions, createClient } from "../../src/client/index.ts";
import { FileService } from "../../src/edge/files/service.ts";
import { createProxy, type ProxyOptions, type ProxyService } from "../../src/edge/proxy/index.ts";
import { startRedirect } from "../../src/edge/redirect.ts";
import { serve } from "../../src/edge/serve.ts";
import { type Server, startServer } from "../../src/edge/server.ts";
import { openHttp1, openHttp2 } from "../../src/edge/testing/client.ts";
import { openHttp3 } from "../../src/edge/testing/http3-client.ts";
import type { TestClient } from "../../src/edge/testing/test-client.ts";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import type { Protocol } from "../../src/host/client/session.ts";
import type { ConnectionInfo } from "../../src/host/http/exchange.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { TUNNEL_KINDS } from "../../src/host/http/testing/tunnel-clients.ts";
import { captureRelay } from "../../src/host/udp/capturing-relay.ts";
import { bindEveryAddress } from "../../src/host/udp/every-address.ts";

import { armed } from "./armed.ts";

// ── Servers and clients ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const uncaught: unknown[] = [];
export const onUncaught = (error: unknown): void => void uncaught.push(error);
export const logged: string[] = [];
export const log = (line: string): void => void logged.push(line);
/** Sockets and servers in order of creation, for entries that no client can reach. */
export const sockets: DatagramSocket[] = [];
export const servers: NetServer[] = [];
export const dialled: Socket[] = [];
export const identities = [loadIdentity(localhostIdentity)] as const;
export const BIG = 3 << 20;

export let site: string;
export let origin: HttpServer;
export let proxy: ProxyService;

beforeAll(async () => {
  process.on("uncaughtException", onUncaught).on("unhandledRejection", onUncaught);
  site = mkdtempSync(join(tmpdir(), "nagare-faults-"));
  writeFileSync(join(site, "small.txt"), "small");
  writeFileSync(join(site, "big.bin"), Buffer.alloc(BIG, 1));
  let requests = 0;
  origin = createHttpServer((request, response) => {
    requests++;
    if (request.url === "/silent") return;
    if (request.url === "/reset") request.socket.resetAndDestroy();
    else if (request.url === "/dead" || (request.url === "/every-other" && requests % 2 === 0))
      request.socket.destroy();
    else request.resume().on("end", () => response.end("from the origin"));
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  const listen = NetServer.prototype.listen;
  vi.spyOn(NetServer.prototype, "listen").mockImplementation(function (this: NetServer, ...args: unknown[]) {
    // An attempt with a port in use is not recorded.
    this.once("listening", () => servers.push(this));
    return listen.apply(this, args as never);
  } as never);
  const connect = Socket.prototype.connect;
  vi.spyOn(Socket.prototype, "connect").mockImplementation(function (this: Socket, ...args: unknown[]) {
    dialled.push(this);
    return connect.apply(this, args as never);
  } as never);
  const prototype = Datagram.prototype as DatagramSocket;
  const bind = prototype.bind;
  vi.spyOn(prototype, "bind").mockImplementation(function (this: DatagramSocket, ...args: unknown[]) {
    this.once("listening", () => sockets.push(this));
    return bind.apply(this, args as never);
  } as never);
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    logged.push(String(chunk));
    return true;
  });
});

afterAll(() => {
  vi.restoreAllMocks();
  process.off("uncaughtException", onUncaught).off("unhandledRejection", onUncaught);
  rmSync(site, { recursive: true, force: true });
  origin.closeAllConnections();
  origin.close();
});

beforeEach(async () => {
  logged.length = 0;
  uncaught.length = 0;
  sockets.length = 0;
  servers.length = 0;
  running = undefined;
  proxy = await createProxy([originUrl()], { log });
});

export const closers: (() => unknown)[] = [];
afterEach(async () => {
  armed.entry = undefined;
  for (const close of closers.splice(0).reverse()) await close();
  await proxy.close();
});

/** Replaces the proxy. */
export async function reproxy(origins: readonly string[], options: ProxyOptions = {}): Promise<void> {
  await proxy.close();
  proxy = await createProxy(origins, { log, ...options });
}

/** One request through the proxy. */
export async function viaProxy(path: string): Promise<void> {
  await all(openClient(await openServer(), "h2").get(`/proxy${path}`));
}

export const originUrl = (): string => `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;

/** The last server that received traffic, unless it was closed. */
let running: Server | undefined;

/** A server with files, a proxy and a handler. */
export async function openServer(protocols: readonly Protocol[] = ["h3", "h2", "http/1.1"]): Promise<Server> {
  const files = new FileService(site, { log });
  const handler = createFetchHandler(answer, { log });
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities, protocols, log, onKeyLog: () => undefined },
    {
      acceptsTunnels: true,
      handle: (exchange) => {
        if (exchange.path.startsWith("/proxy")) {
          Object.defineProperty(exchange, "path", { value: exchange.path.slice(6) });
          proxy.handle(exchange);
        } else if (/\.\w+$/.test(exchange.path)) files.handle(exchange);
        else handler.handle(exchange);
      },
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  running = server;
  return server;
}

export let onNever: () => void = () => undefined;
export let lastConnection: ConnectionInfo | undefined;

export async function answer(request: Request, context: Parameters<Parameters<typeof createFetchHandler>[0]>[1]) {
  const { pathname } = new URL(request.url);
  lastConnection = context.connection;
  let left = 200;
  if (context.tunnel !== undefined) {
    if (context.tunnel.protocol === "refused") return new Response(new Uint8Array(BIG), { status: 403 });
    const { readable, writable, response } = context.tunnel.accept();
    const writer = writable.getWriter();
    const write = async (): Promise<void> => {
      await writer.write(new Uint8Array(BIG));
      await writer.write(new Uint8Array(BIG));
      await readable.pipeTo(new WritableStream());
      await writer.close();
    };
    write().catch(() => undefined);
    return response;
  }
  switch (pathname) {
    case "/never":
      onNever();
      return new Promise<Response>(() => undefined);
    case "/hints":
      context.inform(103, { link: "</a.css>" });
      context.addTrailers({ "x-sum": "1" });
      return new Response("hinted", { headers: { trailer: "x-sum" } });
    case "/deflate":
      return new Response(deflateSync("plain"), { headers: { "content-encoding": "deflate" } });
    case "/raw-deflate":
      return new Response(deflateRawSync("plain"), { headers: { "content-encoding": "deflate" } });
    case "/broken-deflate":
      return new Response(new Uint8Array([0x78, 0x9c, 1, 2, 3]), { headers: { "content-encoding": "deflate" } });
    case "/many":
      return new Response(
        new ReadableStream({
          pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(1)) : controller.close()),
        }),
      );
    case "/early":
      return new Response("early");
    case "/cut":
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new Uint8Array(10)),
          pull: (controller) => controller.error(new Error("aborted")),
        }),
      );
    case "/timers":
      while (armed.entry !== undefined) await new Promise((resolve) => setImmediate(resolve));
      return new Response("late");
    default:
      return new Response(request.body ?? "hello");
  }
}

export function openClient(server: Server, protocol: Protocol, options: ClientOptions = {}) {
  const client = createClient({
    protocols: [protocol],
    rejectUnauthorized: false,
    keylog: () => undefined,
    resolve: () => ["127.0.0.1"],
    ...options,
  });
  closers.push(() => client.destroy());
  const at = (path: string): string => `https://localhost:${server.port}${path}`;
  const get = async (path: string, init = {}) => (await client.fetch(at(path), init)).text();
  return { client, at, get };
}

/** Waits until all traffic has ended, whatever the results. */
export const all = (...traffic: Promise<unknown>[]): Promise<unknown> => Promise.allSettled(traffic);

// ── Traffic ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(64 * 1024);
}

export async function browse(protocol: Protocol): Promise<void> {
  const server = await openServer();
  const { client, at, get } = openClient(server, protocol);
  const post = (path: string, body: string | AsyncGenerator<Uint8Array>) => get(path, { method: "POST", body });
  const steps = [
    () => all(get("/")),
    () => all(get("/small.txt"), get("/big.bin"), get("/missing.txt"), get("/hints", { onInformational: () => {} })),
    // By now it is in memory.
    () => all(get("/small.txt")),
    () => all(get("/proxy/hello"), post("/proxy/echo", "body"), get("/proxy/dead")),
    () => all(post("/echo", "body"), post("/echo", chunks(40)), post("/early", chunks(40))),
    () => all(get("/many")),
    () => all(get("/deflate"), get("/raw-deflate"), get("/broken-deflate")),
    () => all(client.fetch(at("/big.bin")).then(async (response) => response.body!.cancel())),
    () => {
      const abort = new AbortController();
      setImmediate(() => abort.abort());
      return all(get("/never", { signal: abort.signal }));
    },
    () => {
      setImmediate(() => client.destroy());
      return all(get("/never"));
    },
  ];
  for (const step of steps) if (armed.entry !== undefined) await step();
}

export const OPEN = { h3: openHttp3, h2: openHttp2, "http/1.1": openHttp1 } as const;

/** Traffic that only a handwritten client produces: expectations, trailers, half a body, unread responses. */
export async function poke(protocol: "h2" | "http/1.1"): Promise<void> {
  const server = await openServer(["h2", "http/1.1"]);
  const client = await OPEN[protocol](new URL(server.url)).catch(() => undefined);
  if (client === undefined) return;
  closers.push(() => client.close());
  const text = async (exchange: ReturnType<TestClient["request"]>) => (await exchange.response).text();
  const upload = client.request({
    method: "POST",
    path: "/echo",
    streaming: true,
    headers: protocol === "h2" ? {} : { expect: "100-continue", trailer: "x-sum" },
  });
  let isGone = false;
  const gone = client.goneAway.then(() => {
    isGone = true;
  });
  const settle = (...traffic: Promise<unknown>[]) => Promise.race([all(...traffic), gone]);
  await settle(upload.send("one"));
  upload.finish({ "x-sum": "1" });
  await settle(text(upload));
  if (isGone) return;
  const half = client.request({ method: "POST", path: "/echo", streaming: true });
  await settle(half.send("half"));
  half.cancel();
  if (isGone) return;
  const early = client.request({ method: "POST", path: "/early", streaming: true });
  await settle(early.send("early"), early.response);
}

/** A tunnel with much data that ends normally or is aborted, or one that is refused. */
export async function tunnel(protocol: "h2" | "http/1.1", end: "ended" | "aborted" | "refused"): Promise<void> {
  const { port } = await openServer();
  const [, { open }] = TUNNEL_KINDS.find(([, kind]) => kind.version === protocol && kind.protocol !== undefined)!;
  const onClose = (close: () => void): void => void closers.push(close);
  const { stream, cutOff } = await open({ port, protocol: end, onClose });
  const closed = once(stream, "close");
  stream.once("data", () => (end === "aborted" ? cutOff() : stream.end()));
  await closed;
}

/** Plain HTTP on the TLS port. */
export async function plainHttp(): Promise<void> {
  const server = await openServer(["http/1.1"]);
  const socket = new Socket().connect({ host: "127.0.0.1", port: server.port });
  closers.push(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  socket.resume();
  await once(socket, "close");
}

/** Bytes that are not HTTP/1.1. The client closes after the response, or stays until it is disconnected. */
export async function garbage({ stays = false } = {}): Promise<void> {
  const server = await openServer(["http/1.1"]);
  const socket = connectTls({
    host: "127.0.0.1",
    port: server.port,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
    ...{ allowHalfOpen: stays },
  });
  closers.push(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.write("no request\r\n\r\n");
  socket.resume();
  await once(socket, stays ? "end" : "close");
}

/** Closes a server: immediately during a request, or gracefully. */
export async function closing(protocol: Protocol, timeout: number, notice = 0): Promise<void> {
  const server = await openServer();
  const { client, get } = openClient(server, protocol);
  await all(get("/"));
  // RFC 9114 §5.2: a server is drained only when its client has acknowledged the whole response.
  await vi.waitFor(() => expect(lastConnection?.stats().bytesInFlight ?? 0).toBe(0));
  const reached = new Promise<void>((resolve) => {
    onNever = resolve;
  });
  const pending = timeout === 0 ? all(get("/never")) : Promise.resolve();
  if (timeout === 0) await reached;
  running = undefined;
  await all(server.close({ timeout, notice }));
  await all(client.destroy(), pending ?? Promise.resolve()); // otherwise it would retry
}

/** A TCP server that calls `onConnection` for each connection. */
export async function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    closers.push(() => socket.destroy());
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

export const lost = (port: number, options: ClientOptions, signal?: AbortSignal) => {
  const client = createClient({ rejectUnauthorized: false, ...options });
  closers.push(() => client.destroy());
  return client.fetch(`https://127.0.0.1:${port}/`, signal === undefined ? {} : { signal });
};

export const raw3 = async (run: (client: TestClient, server: Server) => Promise<unknown>): Promise<void> => {
  const server = await openServer();
  const client = await openHttp3(new URL(server.url)).catch(() => undefined);
  if (client === undefined) return;
  closers.push(() => client.close());
  await all(run(client, server));
};

/** A response that fails after its head. */
export const cutShort = async (protocol: Protocol) =>
  all(openClient(await openServer([protocol]), protocol).get("/cut"));

export const h1 = () => browse("http/1.1");
export const h2 = () => browse("h2");
export const h3 = () => browse("h3");
export const poke1 = () => poke("http/1.1");
export const poke2 = () => poke("h2");
/** More requests in one read than a turn begins. */
export const burst2 = async (): Promise<void> => {
  const client = openClient(await openServer(["h2"]), "h2");
  await all(...Array.from({ length: 64 }, () => client.get("/")));
};

export const emitError = async (emitter: () => { emit(event: "error", error: Error): boolean }): Promise<void> => {
  await openServer();
  emitter().emit("error", new Error("the system is out of descriptors"));
};

export async function redirect(run: (port: number) => Promise<unknown>): Promise<void> {
  const server = await startRedirect(0, "127.0.0.1", 443);
  closers.push(() => server.close());
  await all(run(server.port));
}

export const askRedirect = (port: number) =>
  new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, headers: { host: "localhost" } }, (response) =>
      response.resume().on("end", resolve),
    )
      .on("error", reject)
      .end();
  });

export async function signalled(): Promise<void> {
  const controller = new AbortController();
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, signal: controller.signal, log },
    () => new Response(),
  );
  controller.abort();
  if (armed.entry === undefined) await server.close({ timeout: 0 });
  await server.finished;
}

/** A lookup that never ends: of a name, because an address is not looked up. */
export const nowhere = () => {
  const client = createClient({
    resolve: () => new Promise(() => undefined),
    connectTimeout: 1,
    protocols: ["http/1.1"],
  });
  closers.push(() => client.destroy());
  return client.fetch("https://nowhere.test/");
};

/** Makes `nextServer` open a new server. */
export function retire(): void {
  running = undefined;
}

/** The server that received the traffic, or a new one. */
export const nextServer = async (): Promise<Server> => running ?? openServer();

/** Sends a datagram through the capturing relay and back, and retries if it is lost. */
export async function relayed(): Promise<void> {
  const echo = createSocket("udp4");
  const client = createSocket("udp4");
  echo.on("message", (datagram, { port }) => echo.send(datagram, port, "127.0.0.1"));
  for (const socket of [echo, client]) await once(socket.bind(0, "127.0.0.1"), "listening");
  closers.push(
    () => echo.close(),
    () => client.close(),
  );
  const relay = await captureRelay(echo.address().port, join(site, "relay.pcap"));
  closers.push(() => relay[Symbol.asyncDispose]());
  let isBack = false;
  client.once("message", () => {
    isBack = true;
  });
  while (!isBack) {
    client.send("there", relay.port, "127.0.0.1");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A datagram to the wildcard socket, for an address that the system does not list. */
export async function strayDatagram(): Promise<void> {
  const nothing = { listed: () => [], contactedBy: async () => undefined };
  const socket = await bindEveryAddress(0, "0.0.0.0", nothing);
  socket.onFault = ({ entry }) => log(`(${entry})`);
  const client = createSocket("udp4");
  closers.push(
    () => socket.close(),
    () => client.close(),
  );
  let isThere = false;
  socket.onBatch = () => {
    isThere = true;
  };
  while (!isThere) {
    client.send("stray", socket.address.port, "127.0.0.1");
    await new Promise((resolve) => setImmediate(resolve));
  }
}
