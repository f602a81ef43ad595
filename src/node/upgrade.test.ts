/** Upgrades: listeners write an HTTP/1.1 response to a socket, for each way to request a tunnel (RFC 8441, 9220). */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { deferred } from "../edge/testing/async.ts";
import { VERSIONS } from "../edge/testing/client.ts";
import { get } from "../edge/testing/test-client.ts";
import { TARGET, type TestTunnel } from "../host/http/testing/test-tunnel.ts";
import { TUNNEL_KINDS, type TunnelKind } from "../host/http/testing/tunnel-clients.ts";
import type { Server } from "./server.ts";
import { closers, connect, listening, ownServer } from "./testing/server.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const UPGRADES = TUNNEL_KINDS.filter(([, { protocol }]) => protocol !== undefined);
const CONNECTS = TUNNEL_KINDS.filter(([, { protocol }]) => protocol === undefined);

const ask = (kind: TunnelKind, port: number): Promise<TestTunnel> =>
  kind.open({
    port,
    protocol: kind.protocol,
    headers: {
      "sec-websocket-version": "13",
      ...(kind.version === "http/1.1" ? { "sec-websocket-key": KEY } : {}),
    },
    onClose: (close) => closers.push(close),
  });

/** ws's own client on the bytes of a tunnel. */
function webSocketOver(stream: Duplex): WebSocket {
  const socket = new WebSocket(null as never, undefined, { closeTimeout: 30_000 } as never) as WebSocket & {
    _isServer: boolean;
    setSocket(socket: Duplex, head: Buffer, options: object): void;
  };
  socket._isServer = false;
  socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 1 << 24, skipUTF8Validation: false });
  return socket;
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

async function upgrading(listener: UpgradeListener, event = "upgrade"): Promise<{ port: number; server: Server }> {
  const { server } = ownServer((_request, response) => response.end("a request"));
  server.on(event, listener as never);
  return { port: await listening(server), server };
}

describe.each(UPGRADES)("%s", (_name, kind) => {
  test("ws's WebSocketServer({ server }) exchanges messages and closes", async () => {
    const { server } = ownServer();
    const sockets = new WebSocketServer({ server: server as never, perMessageDeflate: false });
    const events: string[] = [];
    sockets.on("connection", (socket, request) => {
      events.push(`${request.method} ${request.url} ${request.headers.upgrade}`);
      socket.on("message", (data) => socket.send(`you said ${String(data).length}`));
      socket.on("close", (code) => events.push(`closed ${code}`));
    });
    const port = await listening(server);
    const client = await ask(kind, port);
    expect(client.status).toBe(kind.version === "http/1.1" ? 101 : 200);
    const socket = webSocketOver(client.stream);
    for (const length of [5, 300_000]) {
      socket.send("x".repeat(length));
      const [data] = await once(socket, "message");
      expect(String(data)).toBe(`you said ${length}`);
    }
    socket.close(4001, "enough");
    const [code] = await once(socket, "close");
    expect(code).toBe(4001);
    await expect.poll(() => events).toEqual(["GET /chat websocket", "closed 4001"]);
    sockets.close();
  });

  test("the socket ends when the client does, without a reader", async () => {
    const { port } = await upgrading((_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.once("end", () => socket.end());
    });
    const { stream } = await ask(kind, port);
    stream.resume().end();
    await once(stream, "end");
  });

  test("ws refuses another path with a response", async () => {
    const { server } = ownServer();
    new WebSocketServer({ server: server as never, path: "/elsewhere" });
    const client = await ask(kind, await listening(server));
    expect(client.status).toBe(400);
    expect(Buffer.concat(await client.stream.toArray()).toString()).toBe("Bad Request");
  });

  test("a listener added after `listen` is called", async () => {
    const { server } = ownServer();
    const port = await listening(server);
    server.on("upgrade", (_request: unknown, socket: Duplex) =>
      socket.end("HTTP/1.1 403 No\r\nx-why: because\r\n\r\n"),
    );
    const client = await ask(kind, port);
    expect(client.status).toBe(403);
    expect(client.headers["x-why"]).toBe("because");
  });

  test("each direction ends independently, and the socket closes once", async () => {
    const events: string[] = [];
    let bytes = 0;
    const { port } = await upgrading((_request, socket, head) => {
      expect(head).toHaveLength(0);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nfirst ");
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      socket.on("end", () => {
        events.push("end");
        socket.end("last");
      });
      socket.on("close", () => events.push("close"));
    });
    const client = await ask(kind, port);
    client.stream.end(Buffer.alloc(500_000));
    expect(Buffer.concat(await client.stream.toArray()).toString()).toBe("first last");
    expect(bytes).toBe(500_000);
    await expect.poll(() => events).toEqual(["end", "close"]);
  });

  test("a client that cuts off the tunnel causes an error on the socket, and nothing else", async () => {
    const closed = deferred<string>();
    const { port } = await upgrading((_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\nhello");
      socket.on("error", (error: NodeJS.ErrnoException) => closed.resolve(error.code!));
      socket.resume();
    });
    const client = await ask(kind, port);
    await once(client.stream, "data");
    client.cutOff();
    expect(await closed.promise).toBe("ECONNRESET");
  });

  test("a socket listener that throws ends only that socket", async () => {
    const { server, lines } = ownServer((_request, response) => response.end("alive"));
    server.on("upgrade", (_request: unknown, socket: Duplex) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
      socket.on("data", () => {
        throw new Error("a bug in the listener");
      });
    });
    const port = await listening(server);
    const client = await ask(kind, port);
    const closed = new Promise<void>((resolve) => client.stream.on("error", () => undefined).on("close", resolve));
    client.stream.write("content");
    client.stream.resume();
    await closed;
    expect(lines).toEqual([expect.stringContaining("a bug in the listener")]);
    const [, open] = VERSIONS.find(([version]) => version === kind.version)!;
    expect(await (await get(await connect(open, port), "/")).text()).toBe("alive");
  });

  test("a listener that throws, or writes something other than a response, ends only that socket", async () => {
    const { server, lines } = ownServer((_request, response) => response.end("alive"));
    let requests = 0;
    server.on("upgrade", (_request: unknown, socket: Duplex) => {
      if (++requests === 1) throw new Error("a bug in the listener");
      socket.on("error", (error) => lines.push(error.message));
      socket.write("SSH-2.0-wrong\r\n\r\n");
    });
    const port = await listening(server);
    for (let i = 1; i <= 2; i++) {
      ask(kind, port).catch(() => undefined); // over HTTP/2 and 3 the stream is reset, over HTTP/1.1 the connection
      await expect.poll(() => lines.length).toBe(i);
    }
    const [, open] = VERSIONS.find(([version]) => version === kind.version)!;
    expect(await (await get(await connect(open, port), "/")).text()).toBe("alive");
    expect(lines).toEqual([
      expect.stringContaining("a bug in the listener"),
      "the data written to the socket is not an HTTP/1.1 response",
    ]);
  });
});

describe.each(CONNECTS)("%s", (_name, kind) => {
  test('emits "connect"', async () => {
    const { port } = await upgrading((request, socket) => {
      expect([request.method, request.url]).toEqual(["CONNECT", TARGET]);
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      socket.pipe(socket);
    }, "connect");
    const client = await ask(kind, port);
    expect(client.status).toBe(200);
    client.stream.end("through");
    expect(Buffer.concat(await client.stream.toArray()).toString()).toBe("through");
  });
});

test("without a listener, an HTTP/1.1 Upgrade is an ordinary request", async () => {
  const { server } = ownServer((request, response) => response.end(`a request for ${request.headers.upgrade}`));
  const [, kind] = UPGRADES[0]!;
  const client = await ask(kind, await listening(server));
  expect(client.status).toBe(200);
  expect(Buffer.concat(await client.stream.toArray()).toString()).toBe("a request for websocket");
});

test.each(["connect", "upgrade"] as const)(
  "%s: bytes that arrive with an HTTP/1.1 head are its third argument",
  async (event) => {
    const { port } = await upgrading((_request, socket, head) => {
      socket.write(`HTTP/1.1 ${event === "connect" ? 200 : 101} Yes\r\n\r\nwith the head: ${head}`);
      socket.on("data", (chunk) => socket.end(`, after it: ${chunk}`));
    }, event);
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    closers.push(() => socket.destroy());
    const heads = {
      connect: `CONNECT ${TARGET} HTTP/1.1\r\nhost: ${TARGET}\r\n\r\nearly`,
      upgrade: "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly",
    };
    socket.write(heads[event]);
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
      if (answer.endsWith("early")) socket.write("late");
    });
    await once(socket, "end");
    expect(answer.split("\r\n\r\n")[1]).toBe("with the head: early, after it: late");
  },
);
