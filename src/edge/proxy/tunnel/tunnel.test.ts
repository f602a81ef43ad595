/** WebSocket and other upgrades through the proxy: from every version of HTTP, to origins that speak each of them. */

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { loadIdentity } from "../../../host/certificates/identity.ts";
import { localhostIdentity } from "../../../host/http/testing/identities.ts";
import type { TestTunnel } from "../../../host/http/testing/test-tunnel.ts";
import { TUNNEL_KINDS, type TunnelKind } from "../../../host/http/testing/tunnel-clients.ts";
import { startServer } from "../../server.ts";
import { deferred, settled } from "../../testing/async.ts";
import type { ProxyOptions } from "../options.ts";
import { createProxy, type ProxyService } from "../service.ts";
import { rawOrigin } from "../testing/through-proxy.ts";
import { acceptFor } from "./websocket.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

test("the example of RFC 6455 §1.3", () => {
  expect(acceptFor(KEY)).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

const closers: (() => unknown)[] = [];
const closeAll = async () => {
  for (const close of closers.splice(0).reverse()) await close();
};
afterEach(closeAll);

async function startProxy(origin: string, options: ProxyOptions = {}): Promise<{ port: number; proxy: ProxyService }> {
  const proxy = await createProxy([origin], { log: () => undefined, rejectUnauthorized: false, ...options });
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    proxy,
  );
  closers.push(() => server.close({ timeout: 0 }));
  return { port: server.port, proxy };
}

const KINDS = TUNNEL_KINDS.filter(([, { protocol }]) => protocol !== undefined);

const openTunnel = (kind: TunnelKind, port: number, headers: Record<string, string> = {}): Promise<TestTunnel> =>
  kind.open({
    port,
    protocol: "websocket",
    headers: {
      "sec-websocket-version": "13",
      ...(kind.version === "http/1.1" ? { "sec-websocket-key": KEY } : {}),
      ...headers,
    },
    onClose: (close) => closers.push(close),
  });

/** `ws` on any byte stream. */
function webSocketOn(stream: Duplex, isServer: boolean): WebSocket {
  const socket = new WebSocket(null as never, undefined as never, { autoPong: true, closeTimeout: 30_000 } as object);
  Object.assign(socket, { _isServer: isServer });
  const { setSocket } = socket as unknown as { setSocket(stream: Duplex, head: Buffer, options: object): void };
  setSocket.call(socket, stream, Buffer.alloc(0), { maxPayload: 1 << 24 });
  return socket;
}

const echo = (socket: WebSocket): void => {
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
};

/** Origins with an echo over WebSocket. */
const ORIGINS: Readonly<Record<string, () => Promise<string>>> = {
  async "HTTP/1.1"() {
    const server: HttpServer = createServer();
    const sockets = new WebSocketServer({ server, path: "/chat" });
    sockets.on("connection", echo);
    await once(server.listen(0, "127.0.0.1"), "listening");
    closers.push(() => {
      for (const client of sockets.clients) client.terminate();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  async "HTTP/2 without TLS"() {
    const server: Http2Server = createHttp2Server({ settings: { enableConnectProtocol: true } });
    server.on("session", (session) => closers.push(() => session.destroy()));
    server.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      expect(headers["sec-websocket-key"]).toBeUndefined();
      if (headers[":protocol"] !== "websocket") stream.respond({ ":status": 400 }, { endStream: true });
      else {
        stream.respond({ ":status": 200 });
        echo(webSocketOn(stream, true));
      }
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    closers.push(() => server.close());
    return `h2c://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  /** Another proxy, which takes tunnels over HTTP/3. */
  async "HTTP/3"() {
    const { port } = await startProxy(await ORIGINS["HTTP/1.1"]!());
    return `h3://localhost:${port}`;
  },
};

const closedOf = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once("close", () => resolve());
  });

const nextMessage = async (socket: WebSocket): Promise<string> =>
  String(((await once(socket, "message")) as [Buffer])[0]);

describe.each(Object.entries(ORIGINS))("WebSocket to an origin over %s", (_origin, start) => {
  test.each(KINDS)("%s: echo, fragments, a large message, ping and close", async (_kind, kind) => {
    const { port, proxy } = await startProxy(await start());
    const tunnel = await openTunnel(kind, port);
    expect(tunnel.status).toBe(kind.version === "http/1.1" ? 101 : 200);
    const accept = kind.version === "http/1.1" ? acceptFor(KEY) : undefined;
    expect(tunnel.headers["sec-websocket-accept"]).toBe(accept);
    const socket = webSocketOn(tunnel.stream, false);
    socket.send("hello");
    expect(await nextMessage(socket)).toBe("hello");
    for (const [part, fin] of [
      ["in ", false],
      ["three ", false],
      ["parts", true],
    ] as const) {
      socket.send(part, { fin });
    }
    expect(await nextMessage(socket)).toBe("in three parts");
    const large = "x".repeat(1 << 20);
    socket.send(large);
    expect(await nextMessage(socket)).toBe(large);
    socket.ping("are you there");
    expect(String(((await once(socket, "pong")) as [Buffer])[0])).toBe("are you there");
    expect(proxy.status().origins[0]).toMatchObject({ tunnels: 1, active: 1 });
    socket.close(4001, "done");
    expect((await once(socket, "close"))[0]).toBe(4001);
    await settled(() => proxy.status().origins[0]!.active);
    expect(proxy.status().origins[0]).toMatchObject({ tunnels: 0, active: 0 });
  });
});

describe.each(KINDS)("a tunnel: %s", (_kind, kind) => {
  let current: (socket: Socket, head: string) => void = () => undefined;
  let origin = "";
  const accepted = (head: string): string => {
    const key = /sec-websocket-key: (\S+)/i.exec(head)![1]!;
    return `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${acceptFor(key)}\r\n\r\n`;
  };
  const kept: (() => unknown)[] = [];
  beforeAll(async () => {
    origin = await rawOrigin(kept, (socket, head) => current(socket, head));
  });
  afterAll(async () => {
    await closeAll();
    for (const close of kept) await close();
  });

  test("a refusal is passed on with its content, and the origin gets its own key and the client's other fields", async () => {
    let seen = "";
    current = (socket, head) => {
      seen = head;
      socket.write("HTTP/1.1 403 Forbidden\r\nx-why: origin\r\ncontent-length: 4\r\n\r\nno!\n");
    };
    const { port } = await startProxy(origin);
    const tunnel = await openTunnel(kind, port, { "sec-websocket-protocol": "chat" });
    const chunks = await tunnel.stream.toArray();
    expect([tunnel.status, tunnel.headers["x-why"], String(Buffer.concat(chunks))]).toEqual([403, "origin", "no!\n"]);
    expect(seen).toMatch(/^GET \/chat HTTP\/1.1\r\n/);
    expect(seen).toMatch(/\r\nupgrade: websocket\r\n/i);
    expect(seen).toMatch(/\r\nsec-websocket-protocol: chat\r\n/);
    expect(seen).toMatch(/\r\nsec-websocket-version: 13\r\n/);
    expect(seen).toMatch(/\r\nforwarded: for=127\.0\.0\.1/);
    expect(seen).not.toContain(KEY);
  });

  test.each([
    ["a wrong accept", "sec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"],
    ["no accept", ""],
  ])("%s is a 502", async (_what, field) => {
    current = (socket) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n${field}\r\n`);
    };
    const { port } = await startProxy(origin);
    expect((await openTunnel(kind, port)).status).toBe(502);
  });

  test("each direction ends separately", async () => {
    let received = "";
    const ended = deferred<void>();
    current = (socket, data) => {
      socket.allowHalfOpen = true;
      if (!data.startsWith("GET ")) received += data;
      else {
        // The origin ends first, and still reads.
        socket.end(`${accepted(data)}bye`);
        socket.once("end", () => ended.resolve());
      }
    };
    const { port } = await startProxy(origin);
    const { stream } = await openTunnel(kind, port);
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(stream, "end");
    expect(String(Buffer.concat(chunks))).toBe("bye");
    stream.write("still ");
    stream.end("here");
    await ended.promise;
    expect(received).toBe("still here");
  });

  test("backpressure holds in both directions", async () => {
    const total = 32 << 20;
    let produced = 0;
    let peer: Socket | undefined;
    current = (socket, head) => {
      if (!head.startsWith("GET ")) return;
      socket.write(accepted(head));
      socket.removeAllListeners("data").pause();
      peer = socket;
      const flood = () => {
        while (produced < total && !socket.destroyed) {
          produced += 65_536;
          if (!socket.write(Buffer.alloc(65_536))) return;
        }
      };
      socket.on("drain", flood);
      flood();
    };
    const { port } = await startProxy(origin);
    const { stream } = await openTunnel(kind, port);
    await once(stream, "readable");
    expect(await settled(() => produced)).toBeLessThan((total * 3) / 4);
    let sent = 0;
    const send = () => {
      while (sent < total && !stream.destroyed) {
        sent += 65_536;
        if (!stream.write(Buffer.alloc(65_536))) return;
      }
    };
    stream.on("drain", send);
    send();
    expect(await settled(() => sent)).toBeLessThan((total * 3) / 4);
    peer!.destroy();
  });

  test("a reset of the client closes the origin's connection; one of the origin resets the tunnel", async () => {
    let gone = deferred<void>();
    const sockets: Socket[] = [];
    current = (socket, head) => {
      sockets.push(socket);
      socket.on("close", () => gone.resolve());
      socket.write(accepted(head));
    };
    const { port, proxy } = await startProxy(origin);
    const first = await openTunnel(kind, port);
    first.cutOff();
    await gone.promise;
    gone = deferred<void>();
    const second = await openTunnel(kind, port);
    const closed = closedOf(second.stream);
    second.stream.resume();
    sockets.at(-1)!.resetAndDestroy();
    await closed;
    expect(second.isReset()).toBe(true);
    await settled(() => proxy.status().origins[0]!.active);
    expect(proxy.status().origins[0]).toMatchObject({ tunnels: 0, active: 0 });
  });

  test("a silent tunnel is reset", async () => {
    current = (socket, head) => void socket.write(accepted(head));
    const { port } = await startProxy(origin, { tunnelTimeout: 200 });
    const { stream, isReset } = await openTunnel(kind, port);
    stream.resume();
    await closedOf(stream);
    expect(isReset()).toBe(true);
  });

  test("an unreachable origin is a 502", async () => {
    const { port } = await startProxy("127.0.0.1:1");
    expect((await openTunnel(kind, port)).status).toBe(502);
  });
});

test.each(TUNNEL_KINDS.filter(([, { protocol }]) => protocol === undefined))(
  "%s is not supported",
  async (_kind, kind) => {
    const { port } = await startProxy("127.0.0.1:1");
    const tunnel = await kind.open({ port, protocol: undefined, onClose: (close) => closers.push(close) });
    expect(tunnel.status).toBe(501);
  },
);
