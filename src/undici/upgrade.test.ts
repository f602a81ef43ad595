import { once } from "node:events";
import { createSecureServer } from "node:http2";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import * as undici from "undici";
import { afterEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createServer, type Server } from "../node/index.ts";
import { onEnd, openAgent, PROTOCOLS } from "./testing/world.ts";

const identity = localhostIdentity as { cert: string; key: string };
const LONG = Buffer.alloc(2 << 20, "tunnel");

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  servers.push(server);
  return `localhost:${(server.address() as { port: number }).port}`;
}

/** A server whose WebSockets answer with what they get, and the headers that they began with. */
async function echoServer(): Promise<{ host: string; headers: Record<string, unknown>[]; sockets: WebSocket[] }> {
  const server = createServer(identity, (_request, response) => {
    response.statusCode = 404;
    response.end("no tunnel here");
  });
  const headers: Record<string, unknown>[] = [];
  const sockets: WebSocket[] = [];
  const wss = new WebSocketServer({ server: server as never, path: "/echo" });
  wss.on("connection", (socket, request) => {
    headers.push({ ...request.headers, version: request.httpVersion });
    sockets.push(socket);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  return { host: await listening(server), headers, sockets };
}

const open = (protocol: (typeof PROTOCOLS)[number]) => openAgent({ protocols: [protocol] });

describe.each(PROTOCOLS)("over %s", (protocol) => {
  test("undici's WebSocket", async () => {
    const { host, headers } = await echoServer();
    const options = { dispatcher: open(protocol), protocols: ["chat"], headers: { "x-own": "1" } };
    const socket = new undici.WebSocket(`wss://${host}/echo`, options);
    await once(socket as never, "open");
    expect(socket.protocol).toBe("chat");
    const version = { "http/1.1": "1.1", h2: "2.0", h3: "3.0" }[protocol];
    expect(headers[0]).toMatchObject({ version, "x-own": "1" });
    socket.binaryType = "arraybuffer";
    for (const sent of ["hello", LONG]) {
      socket.send(sent);
      const [{ data }] = (await once(socket as never, "message")) as [{ data: string | ArrayBuffer }];
      expect(typeof data === "string" ? data : Buffer.from(data).equals(LONG)).toBe(sent === LONG ? true : sent);
    }
    socket.close(1000, "done");
    const [{ code, reason }] = (await once(socket as never, "close")) as [{ code: number; reason: string }];
    expect([code, reason]).toEqual([1000, "done"]);
  });

  test("a WebSocket that the server closes, and one that it does not accept", async () => {
    const { host, sockets } = await echoServer();
    const dispatcher = open(protocol);
    const socket = new undici.WebSocket(`wss://${host}/echo`, { dispatcher });
    await once(socket as never, "open");
    const closed = once(socket as never, "close") as Promise<[{ code: number }]>;
    sockets[0]!.close(4001);
    expect((await closed)[0].code).toBe(4001);
    const refused = new undici.WebSocket(`wss://${host}/elsewhere`, { dispatcher });
    const [{ code }] = (await once(refused as never, "close")) as [{ code: number }];
    expect(code).toBe(1006);
  });

  test("dispatcher.upgrade", async () => {
    const server = createServer(identity);
    server.on("upgrade", (request, socket: Duplex) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: ${request.headers.upgrade}\r\nconnection: Upgrade\r\n\r\n`,
      );
      socket.pipe(socket);
    });
    const host = await listening(server);
    const dispatcher = open(protocol);
    const { headers, socket } = await dispatcher.upgrade({
      origin: `https://${host}`,
      path: "/",
      protocol: "echo",
    } as never);
    expect(headers).toMatchObject({ upgrade: "echo" });
    socket.end("there and back");
    expect(await text(socket)).toBe("there and back");
  });

  test("dispatcher.connect", async () => {
    const server = createServer(identity);
    const targets: (string | undefined)[] = [];
    server.on("connect", (request, socket: Duplex) => {
      targets.push(request.url);
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(socket);
    });
    const host = await listening(server);
    const dispatcher = open(protocol);
    const { statusCode, socket } = await dispatcher.connect({
      origin: `https://${host}`,
      path: "target.test:443",
    } as never);
    expect([statusCode, targets]).toEqual([200, ["target.test:443"]]);
    socket.end("there and back");
    expect(await text(socket)).toBe("there and back");
  });

  test("a refused tunnel is an error, and the connection serves the next request", async () => {
    const { host } = await echoServer();
    const dispatcher = open(protocol);
    const origin = `https://${host}`;
    await expect(dispatcher.upgrade({ origin, path: "/elsewhere", protocol: "websocket" } as never)).rejects.toThrow();
    const { statusCode, body } = await dispatcher.request({ origin, path: "/", method: "GET" });
    expect([statusCode, await body.text()]).toEqual([404, "no tunnel here"]);
  });

  test("a destroyed tunnel reaches the server, and a lost connection the tunnel", async () => {
    const { host, sockets } = await echoServer();
    const upgrade = (dispatcher: undici.Dispatcher) =>
      dispatcher.upgrade({
        origin: `https://${host}`,
        path: "/echo",
        protocol: "websocket",
        headers: { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" },
      } as never);
    const dispatcher = open(protocol);
    const { socket } = await upgrade(dispatcher);
    const gone = once(sockets[0]!, "close");
    socket.destroy();
    await gone;
    const second = await upgrade(dispatcher);
    second.socket.on("error", () => {});
    const failed = new Promise((resolve) => second.socket.on("close", resolve));
    await dispatcher.destroy();
    await failed;
  });
});

test("a WebSocket falls back to HTTP/1.1 where the server takes none over HTTP/2", async () => {
  const server = createSecureServer({ ...identity, allowHTTP1: true });
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const wss = new WebSocketServer({ server: server as never });
  onEnd(async () => wss.close());
  wss.on("connection", (socket, request) => socket.send(request.httpVersion));
  const host = `localhost:${(server.address() as { port: number }).port}`;
  const dispatcher = openAgent({ protocols: ["h2", "http/1.1"] });
  const socket = new undici.WebSocket(`wss://${host}/`, { dispatcher });
  const [{ data }] = (await once(socket as never, "message")) as [{ data: string }];
  expect(data).toBe("1.1");
  socket.close();
  await once(socket as never, "close");
  const only = openAgent({ protocols: ["h2"] });
  await expect(
    only.upgrade({ origin: `https://${host}`, path: "/", protocol: "websocket" } as never),
  ).rejects.toMatchObject({ code: "UND_ERR_NOT_SUPPORTED" });
});
