/**
 * An exception in any entry from Node ends one connection at most. Each entry of the table throws once, under traffic
 * that reaches it; the process must live, the server must say so, and the next client must be served.
 */

import { createSocket, Socket as Datagram, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer, request as httpRequest } from "node:http";
import { type AddressInfo, createServer, Server as NetServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { deflateRawSync, deflateSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type ClientOptions, createClient } from "../../src/client/index.ts";
import type { Protocol } from "../../src/client/session.ts";
import { FileService } from "../../src/edge/files/service.ts";
import { createProxy, type ProxyService } from "../../src/edge/proxy/service.ts";
import { startRedirect } from "../../src/edge/redirect.ts";
import { serve } from "../../src/edge/serve.ts";
import { type Server, startServer } from "../../src/edge/server.ts";
import { openHttp1, openHttp2, type TestClient } from "../../src/edge/testing/client.ts";
import { openHttp3 } from "../../src/edge/testing/http3-client.ts";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import { ENTRIES, type Entry } from "../../src/host/guard.ts";
import type { ConnectionInfo } from "../../src/host/http/exchange.ts";
import { createFetchHandler } from "../../src/host/http/fetch-handler.ts";
import { TcpListener } from "../../src/host/http/tcp-listener.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { TUNNEL_KINDS } from "../../src/host/http/testing/tunnel-clients.ts";

/** Which entry throws next, and how many of its calls pass before. */
const armed = vi.hoisted(() => ({ entry: undefined as string | undefined, passing: 0 }));

vi.mock("../../src/host/guard.ts", async (load) => {
  const real = await load<typeof import("../../src/host/guard.ts")>();
  const inject = (entry: string): void => {
    if (armed.entry !== entry || armed.passing-- > 0) return;
    armed.entry = undefined;
    throw new Error(`injected at ${entry}`);
  };
  return {
    ...real,
    guard: (entry: Entry, onFault: (...args: unknown[]) => void, run: (...args: unknown[]) => void) =>
      real.guard(entry, onFault, (...args: unknown[]) => {
        inject(entry);
        run(...args);
      }),
    detach: (entry: Entry, onFault: Parameters<typeof real.detach>[1], promise: Promise<unknown>) =>
      real.detach(
        entry,
        onFault,
        promise.then(() => inject(entry)),
      ),
  } as typeof real;
});

// ── The world ───────────────────────────────────────────────────────────────────────────────────────────────────────

const uncaught: unknown[] = [];
const onUncaught = (error: unknown): void => void uncaught.push(error);
const said: string[] = [];
const log = (line: string): void => void said.push(line);
/** Sockets and servers in the order of their making, to be reached where no client gets. */
const sockets: DatagramSocket[] = [];
const servers: NetServer[] = [];
const dialled: Socket[] = [];
const identities = [loadIdentity(localhostIdentity)] as const;
const BIG = 3 << 20;

let site: string;
let origin: HttpServer;
let proxy: ProxyService;

beforeAll(async () => {
  process.on("uncaughtException", onUncaught).on("unhandledRejection", onUncaught);
  site = mkdtempSync(join(tmpdir(), "nagare-faults-"));
  writeFileSync(join(site, "small.txt"), "small");
  writeFileSync(join(site, "big.bin"), Buffer.alloc(BIG, 1));
  let requests = 0;
  origin = createHttpServer((request, response) => {
    requests++;
    if (request.url === "/dead" || (request.url === "/every-other" && requests % 2 === 0)) request.socket.destroy();
    else request.resume().on("end", () => response.end("from the origin"));
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  const listen = NetServer.prototype.listen;
  vi.spyOn(NetServer.prototype, "listen").mockImplementation(function (this: NetServer, ...args: unknown[]) {
    servers.push(this);
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
    sockets.push(this);
    return bind.apply(this, args as never);
  } as never);
  vi.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    said.push(String(chunk));
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
  said.length = 0;
  uncaught.length = 0;
  sockets.length = 0;
  servers.length = 0;
  running = undefined;
  proxy = await createProxy([originUrl()], { log });
});

const closers: (() => unknown)[] = [];
afterEach(async () => {
  armed.entry = undefined;
  for (const close of closers.splice(0).reverse()) await close();
  await proxy.close();
});

const originUrl = (): string => `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;

/** The server that the traffic went to, unless it was closed. */
let running: Server | undefined;

/** Everything a service does: files, an origin behind it, a handler. */
async function openServer(protocols: readonly Protocol[] = ["h3", "h2", "http/1.1"]): Promise<Server> {
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

let onNever: () => void = () => undefined;
let lastConnection: ConnectionInfo | undefined;

async function answer(request: Request, context: Parameters<Parameters<typeof createFetchHandler>[0]>[1]) {
  const { pathname } = new URL(request.url);
  lastConnection = context.connection;
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
    case "/early":
      return new Response("early");
    case "/timers":
      while (armed.entry !== undefined) await new Promise((resolve) => setImmediate(resolve));
      return new Response("late");
    default:
      return new Response(request.body ?? "hello");
  }
}

function openClient(server: Server, protocol: Protocol, options: ClientOptions = {}) {
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

/** What each piece of traffic comes to does not matter: it has to come to something. */
const all = (...traffic: Promise<unknown>[]): Promise<unknown> => Promise.allSettled(traffic);

// ── Traffic ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function* chunks(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(64 * 1024);
}

async function browse(protocol: Protocol): Promise<void> {
  const server = await openServer();
  const { client, at, get } = openClient(server, protocol);
  const post = (path: string, body: string | AsyncGenerator<Uint8Array>) => get(path, { method: "POST", body });
  const steps = [
    () => all(get("/")),
    () => all(get("/small.txt"), get("/big.bin"), get("/missing.txt"), get("/hints", { onInformational: () => {} })),
    () => all(get("/proxy/hello"), post("/proxy/echo", "body"), get("/proxy/dead")),
    () => all(post("/echo", "body"), post("/echo", chunks(40)), post("/early", chunks(40))),
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

const OPEN = { h3: openHttp3, h2: openHttp2, "http/1.1": openHttp1 } as const;

/** What only a hand-made client does: expectations, trailers, half a body, unread answers. */
async function poke(protocol: "h2" | "http/1.1"): Promise<void> {
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

/** A tunnel that carries much, and ends in peace or is cut off; or one that is refused. */
async function tunnel(protocol: "h2" | "http/1.1", end: "ended" | "cut off" | "refused"): Promise<void> {
  const { port } = await openServer();
  const [, { open }] = TUNNEL_KINDS.find(([, kind]) => kind.version === protocol && kind.protocol !== undefined)!;
  const onClose = (close: () => void): void => void closers.push(close);
  const { stream, cutOff } = await open({ port, protocol: end, onClose });
  const closed = once(stream, "close");
  stream.once("data", () => (end === "cut off" ? cutOff() : stream.end()));
  await closed;
}

/** Bytes that are no HTTP/1.1. The client closes when it is answered, or stays until it is cut off. */
async function garbage({ stays = false } = {}): Promise<void> {
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

/** A server that closes: at once with a request under way, or in peace. */
async function closing(protocol: Protocol, timeout: number): Promise<void> {
  const server = await openServer();
  const { client, get } = openClient(server, protocol);
  await all(get("/"));
  // RFC 9114 §5.2: a server is drained only when its client has acknowledged the whole answer.
  await vi.waitFor(() => expect(lastConnection?.stats().bytesInFlight ?? 0).toBe(0));
  const reached = new Promise<void>((resolve) => {
    onNever = resolve;
  });
  const pending = timeout === 0 ? all(get("/never")) : Promise.resolve();
  if (timeout === 0) await reached;
  running = undefined;
  await all(server.close({ timeout }));
  await all(client.destroy(), pending ?? Promise.resolve()); // it would try again elsewhere
}

/** A TCP server that does what it is told with each connection. */
async function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
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

const lost = (port: number, options: ClientOptions, signal?: AbortSignal) => {
  const client = createClient({ rejectUnauthorized: false, ...options });
  closers.push(() => client.destroy());
  return client.fetch(`https://127.0.0.1:${port}/`, signal === undefined ? {} : { signal });
};

const raw3 = async (run: (client: TestClient, server: Server) => Promise<unknown>): Promise<void> => {
  const server = await openServer();
  const client = await openHttp3(new URL(server.url)).catch(() => undefined);
  if (client === undefined) return;
  closers.push(() => client.close());
  await all(run(client, server));
};

const h1 = () => browse("http/1.1");
const h2 = () => browse("h2");
const h3 = () => browse("h3");
const poke1 = () => poke("http/1.1");
const poke2 = () => poke("h2");

const emitError = async (emitter: () => { emit(event: "error", error: Error): boolean }): Promise<void> => {
  await openServer();
  emitter().emit("error", new Error("the system is out of descriptors"));
};

async function redirect(run: (port: number) => Promise<unknown>): Promise<void> {
  const server = await startRedirect(0, "127.0.0.1", 443);
  closers.push(() => server.close());
  await all(run(server.port));
}

const askRedirect = (port: number) =>
  new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, headers: { host: "localhost" } }, (response) =>
      response.resume().on("end", resolve),
    )
      .on("error", reject)
      .end();
  });

async function signalled(): Promise<void> {
  const controller = new AbortController();
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: localhostIdentity, signal: controller.signal, log },
    () => new Response(),
  );
  controller.abort();
  if (armed.entry === undefined) await server.close({ timeout: 0 });
  await server.finished;
}

/** Addresses that lead nowhere, a lookup without an end, a name that changes its mind. */
const NOWHERE: ClientOptions = {
  resolve: () => new Promise(() => undefined),
  connectTimeout: 1,
  protocols: ["http/1.1"],
};

interface Scenario {
  readonly run: () => Promise<unknown>;
  /** Calls that pass first: those of the client, which has no log. */
  readonly passing?: number;
}

const at = (run: () => Promise<unknown>, passing = 0): Scenario => ({ run, passing });

const SCENARIOS: Record<Entry, Scenario> = {
  "udp message": at(h3),
  "udp error": at(() => emitError(() => sockets[0]!)),
  "udp sent": at(async () => {
    // The server's socket, which has a log, is the first to be bound.
    const full = vi.spyOn(Datagram.prototype as DatagramSocket, "getSendQueueSize");
    full.mockImplementation(function (this: DatagramSocket) {
      return this === sockets[0] ? 1 : 0;
    });
    await h3().finally(() => full.mockRestore());
  }),
  "udp turn": at(h3),
  "quic batch": at(h3),
  "quic event": at(h3),
  "quic flush": at(h3, 1),
  "quic timer": at(() =>
    raw3((client) => client.request({ path: "/timers" }).response.then((response) => response.text())),
  ),
  "h3 events": at(h3),
  "h3 abort": at(() => closing("h3", 0)),
  "h3 drained": at(() => closing("h3", 5000)),
  "h3 cut-off": at(() => closing("h3", 0)),
  "tcp server error": at(() => emitError(() => servers[0]!)),
  "tcp other connection": at(async () => {
    const listener = new TcpListener({
      identities,
      onExchange: (exchange) => exchange.respond(204, [], { endStream: true }),
      onFault: ({ entry }) => log(`(${entry})`),
    });
    closers.push(() => listener.close(0));
    await listener.listen(0, "127.0.0.1");
    const { port } = await listener.listen(0, "127.0.0.1");
    for (let i = 0; i < 2; i++) await all(lost(port, { protocols: ["http/1.1"] }));
  }),
  "tcp connection": at(h2),
  "tcp close": at(h2),
  "tcp connection close": at(h2),
  "tcp cut-off": at(() => closing("http/1.1", 0)),
  "tls secure": at(h2),
  "tls server name": at(h2),
  "tls key log": at(h2),
  "http1 request": at(h1),
  "http1 continue": at(poke1),
  "http1 client error": at(() => garbage()),
  "http1 upgrade": at(() => all(tunnel("http/1.1", "ended"))),
  "http1 upgrade drain": at(() => all(tunnel("http/1.1", "refused"))),
  "http1 upgrade refused": at(() => all(tunnel("http/1.1", "refused"))),
  "http1 refusal linger": at(() => garbage({ stays: true })),
  "http1 refusal closed": at(() => garbage()),
  "http1 close": at(h1),
  "http1 head": at(h1),
  "http1 closed": at(h1),
  "http1 drain": at(h1),
  "http1 released": at(h1),
  "http2 session": at(h2),
  "http2 session idle": at(async () => {
    const server = await openServer(["h2"]);
    servers[0]!.on("session", (session) => setImmediate(() => session.emit("timeout")));
    await all(openClient(server, "h2").get("/"));
    await all(openClient(server, "h2").get("/"));
  }),
  "http2 session end": at(h2),
  "http2 stream": at(h2),
  "http2 trailers": at(poke2),
  "http2 closed": at(h2),
  "http2 drain": at(h2),
  "http2 released": at(h2),
  "http2 wants trailers": at(h2),
  "http2 finish": at(poke2),
  "http2 stop": at(poke2),
  "tunnel drain": at(() => all(tunnel("http/1.1", "ended"))),
  "tunnel aborted": at(() => all(tunnel("h2", "cut off"))),
  "tunnel closed": at(() => all(tunnel("h2", "ended"))),
  "body readable": at(h2),
  "body end": at(h2),
  "response look-ahead": at(h2),
  "server signal": at(async () => {
    const controller = new AbortController();
    const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, signal: controller.signal, log };
    const server = await serve(options, () => new Response());
    controller.abort();
    await server.close({ timeout: 0 });
  }),
  "server close": at(signalled),
  "redirect refused": at(async () => {
    const port = await tcpServer(() => undefined);
    // The fault stands in the place of the reason, so nothing settles: the process is what has to live.
    void startRedirect(port, "127.0.0.1", 443).catch(() => undefined);
    while (armed.entry !== undefined) await new Promise((resolve) => setImmediate(resolve));
  }),
  "redirect error": at(() => redirect(async () => servers[0]!.emit("error", new Error("no descriptor is left")))),
  "redirect request": at(() => redirect((port) => all(askRedirect(port)).then(() => askRedirect(port)))),
  "file open": at(h2),
  "file content": at(h2),
  "file part": at(h2),
  "proxy start": at(h2),
  "proxy head": at(h2),
  "proxy data": at(h2),
  "proxy end": at(h2),
  "proxy error": at(h2),
  "client socket event": at(h2),
  "client socket error": at(async () => {
    const port = await tcpServer(() => undefined);
    await closers.pop()!();
    await all(lost(port, { protocols: ["h2"] }));
  }),
  "client socket close": at(async () => {
    const port = await tcpServer(() => dialled.at(-1)!.emit("close"));
    await all(lost(port, { protocols: ["h2"] }));
  }),
  "client socket abort": at(async () => {
    const controller = new AbortController();
    const port = await tcpServer(() => controller.abort());
    await all(lost(port, { protocols: ["h2"] }, controller.signal));
  }),
  "client key log": at(h2),
  "client pump": at(h2),
  "client retry": at(async () => {
    const client = createClient();
    closers.push(() => client.destroy());
    for (let i = 0; i < 3; i++) await all(client.fetch(`${originUrl()}/every-other`).then((each) => each.text()));
  }),
  "client timeout": at(async () => {
    const server = await openServer();
    await all(openClient(server, "http/1.1", { headersTimeout: 1 }).get("/never"));
  }),
  "client abort": at(h2),
  "client head start": at(async () => {
    const server = await openServer();
    const { signal } = new AbortController();
    const http3 = {
      connect: () => new Promise<never>((_, reject) => signal.addEventListener("abort", reject)),
      close: () => Promise.resolve(),
    };
    await all(openClient(server, "h3", { http3, headStart: 1, protocols: ["h3", "h2"] }).get("/"));
  }),
  "client HTTP/3 begun": at(h3),
  "client HTTP/3 dialled": at(h3),
  "client TCP dialled": at(h2),
  "client session closed": at(h2),
  "client connect timeout": at(() => all(lost(1, NOWHERE))),
  "client dial abort": at(async () => {
    const controller = new AbortController();
    const pending = lost(1, { ...NOWHERE, connectTimeout: 60_000 }, controller.signal);
    setImmediate(() => controller.abort());
    await all(pending);
  }),
  "client lookup": at(h2),
  "client next address": at(h3),
  "client address": at(h3),
  "client inflated": at(h2),
  "client inflate error": at(h2),
  "client inflate end": at(h2),
  "client h1 taken": at(h1),
  "client h1 closed": at(h1),
  "client h1 destroyed": at(h1),
  "client h1 start": at(h1),
  "client h1 head": at(h1),
  "client h1 data": at(h1),
  "client h1 end": at(h1),
  "client h1 error": at(h1),
  "client h2 connect": at(h2),
  "client h2 settings": at(h2),
  "client h2 timeout": at(async () => {
    const server = await openServer();
    const { client, get } = openClient(server, "h2", { idleTimeout: 1 });
    await all(get("/"));
    while (client.connections().length > 0) await new Promise((resolve) => setImmediate(resolve));
  }),
  "client h2 goaway": at(() => closing("h2", 5000)),
  "client h2 error": at(h2),
  "client h2 session closed": at(h2),
  "client h2 invalid": at(async () => {
    const server = await openServer();
    await all(openClient(server, "h2").get("/", { headers: { "http2-settings": "AAAA" } }));
  }),
  "client h2 close": at(h2),
  "client h2 body": at(h2),
  "client h2 room": at(h2),
  "client h2 continue": at(async () => {
    const server = await openServer();
    await all(
      openClient(server, "h2").get("/echo", { method: "POST", body: "x", headers: { expect: "100-continue" } }),
    );
  }),
  "client h2 headers": at(h2),
  "client h2 response": at(h2),
  "client h2 data": at(h2),
  "client h2 trailers": at(h2),
  "client h2 end": at(h2),
  "client h2 stream error": at(h2),
  "client h2 stream close": at(h2),
  "client h3 abort": at(async () => {
    const controller = new AbortController();
    const silent = createSocket("udp4");
    silent.bind(0, "127.0.0.1");
    await once(silent, "listening");
    closers.push(() => silent.close());
    silent.on("message", () => controller.abort());
    await all(lost(silent.address().port, { protocols: ["h3"] }, controller.signal));
  }),
  "client h3 certificate": at(h3),
  "client h3 lost": at(() =>
    raw3(async (client, server) => {
      client.request({ path: "/never" });
      running = undefined;
      await all(server.close({ timeout: 0 }), client.goneAway);
      await all(client.request({}).response);
    }),
  ),
  "client h3 invalid": at(() => raw3((client) => client.request({ headers: { "Not A Name": "x" } }).response)),
  "client h3 body": at(h3),
  "client h3 resume": at(() =>
    raw3(async (client) => {
      const response = await client.request({ path: "/big.bin" }).response;
      while (response.content.readableLength < 64 * 1024) await new Promise((resolve) => setImmediate(resolve));
      return response.bytes();
    }),
  ),
  "client h3 closed": at(h3),
};

/** Faults that end a request or a connection of a client, whose caller is told by its promise, not by a log. */
const isQuiet = (entry: Entry): boolean => /^(?:client |quic (?:event|flush|timer)$|response look-ahead)/.test(entry);

test.each(ENTRIES)("an exception in %s leaves the process and the next client alone", async (entry) => {
  const { run, passing = 0 } = SCENARIOS[entry];
  armed.entry = entry;
  armed.passing = passing;
  await run();
  // Some ends come a few turns after what caused them.
  const wait = { timeout: 20_000 };
  await vi.waitFor(() => expect(armed.entry, "the traffic never reached this entry").toBeUndefined(), wait);
  const server = running ?? (await openServer());
  for (const protocol of server.protocols) {
    expect(await openClient(server, protocol).get("/")).toBe("hello");
  }
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  expect(uncaught).toEqual([]);
  if (!isQuiet(entry)) expect(said.join("\n")).toContain(`(${entry})`);
});
