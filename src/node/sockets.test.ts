/** Sockets that a server announces, which programs track to end them; the number of connections; ref and unref. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { VERSIONS } from "../edge/testing/client.ts";
import { get } from "../edge/testing/test-client.ts";
import type { Server } from "./server.ts";
import { connect, listening, ownServer } from "./testing/server.ts";

/** Keeps the open sockets of an event. */
function tracked(server: Server, event: string): Set<Duplex> {
  const open = new Set<Duplex>();
  server.on(event, (socket: Duplex) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return open;
}

describe.each(VERSIONS)("over %s", (version, open) => {
  test('"connection" comes once per connection, with a socket that closes with it', async () => {
    const { server } = ownServer((_request, response) => response.end("ok"));
    const sockets = tracked(server, "connection");
    const port = await listening(server);
    const client = await connect(open, port);
    for (const path of ["/one", "/two"]) await (await get(client, path)).text();
    expect(sockets.size).toBe(1);
    const [socket] = [...sockets] as unknown as { remoteAddress: string; remotePort: number }[];
    expect([socket!.remoteAddress, typeof socket!.remotePort]).toEqual(["127.0.0.1", "number"]);
    client.close();
    await expect.poll(() => sockets.size).toBe(0);
  });

  test("destroying the sockets of connections ends their requests, as server-destroy does", async () => {
    const closed: string[] = [];
    const { server } = ownServer((request, response) => response.on("close", () => closed.push(request.url!)));
    const sockets = tracked(server, "connection");
    const client = await connect(open, await listening(server));
    const lost = expect(get(client, "/")).rejects.toThrow();
    await expect.poll(() => sockets.size).toBe(1);
    await expect.poll(() => server.connections).toBe(1);
    const done = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await done;
    await lost;
    expect(sockets.size).toBe(0);
  });

  test('each req.socket comes in "secureConnection" first, and closes when its request ends', async () => {
    const order: unknown[] = [];
    const { server } = ownServer((request, response) => {
      order.push(["request", request.socket]);
      response.end("ok");
    });
    server.on("secureConnection", (socket) => order.push(["socket", socket]));
    const sockets = tracked(server, "secureConnection");
    const client = await connect(open, await listening(server));
    for (const path of ["/one", "/two"]) await (await get(client, path)).text();
    const events = order as [string, unknown][];
    expect(events.map(([name]) => name)).toEqual(["socket", "request", "socket", "request"]);
    expect(events[0]![1]).toBe(events[1]![1]);
    expect(events[2]![1]).toBe(events[3]![1]);
    await expect.poll(() => sockets.size).toBe(0);
  });

  test("a stop that counts the requests of each socket lets pending ones finish, as stoppable does", async () => {
    const counts = new Map<Duplex, number>();
    let isStopped = false;
    let respond: (() => void) | undefined;
    const { server } = ownServer((request, response) => {
      respond = () => response.end("late");
      counts.set(request.socket, counts.get(request.socket)! + 1);
      response.once("finish", () => {
        counts.set(request.socket, counts.get(request.socket)! - 1);
        if (isStopped && counts.get(request.socket) === 0) request.socket.end();
      });
    });
    server.on("secureConnection", (socket: Duplex) => {
      counts.set(socket, 0);
      socket.once("close", () => counts.delete(socket));
    });
    const client = await connect(open, await listening(server));
    const slow = get(client, "/");
    await expect.poll(() => respond).toBeDefined();
    isStopped = true;
    const closed = once(server, "close");
    server.close();
    for (const [socket, count] of counts) if (count === 0) socket.end();
    respond!();
    expect(await (await slow).text()).toBe("late");
    await closed;
    expect(counts.size).toBe(0);
  });

  test('a socket destroyed by a listener of "secureConnection" has no request', async () => {
    const { server } = ownServer(() => expect.unreachable());
    server.on("secureConnection", (socket: Duplex) => socket.destroy());
    const client = await connect(open, await listening(server));
    await expect(get(client, "/")).rejects.toThrow();
  });

  test('a connection destroyed by a listener of "connection" is not served', async () => {
    const { server } = ownServer(() => expect.unreachable());
    server.on("connection", (socket: Duplex) => socket.destroy());
    const port = await listening(server);
    await expect(connect(open, port).then((client) => get(client, "/"))).rejects.toThrow();
    await expect.poll(() => server.connections).toBe(0);
  });

  test("maxConnections refuses more connections, with a drop event each", async () => {
    const { server } = ownServer((_request, response) => response.end("ok"));
    server.maxConnections = 1;
    const drops: object[] = [];
    server.on("drop", (about: object) => drops.push(about));
    const port = await listening(server);
    const client = await connect(open, port);
    expect(await (await get(client, "/")).text()).toBe("ok");
    await expect(connect(open, port)).rejects.toThrow();
    expect(drops[0]).toMatchObject({ remoteAddress: "127.0.0.1", remoteFamily: "IPv4", localPort: port });
    client.close();
    await expect.poll(() => server.connections).toBe(0);
    expect(await (await get(await connect(open, port), "/")).text()).toBe("ok");
  });

  test("await using closes the server once its requests are answered", async () => {
    let port: number;
    {
      const { server } = ownServer((_request, response) => response.end("ok"));
      await using closing = server.listen(0, "127.0.0.1");
      await once(closing, "listening");
      expect(closing.listening).toBe(true);
      port = closing.address()!.port;
      expect(await (await get(await connect(open, port), "/")).text()).toBe("ok");
    }
    await expect(connect(open, port)).rejects.toThrow();
  });

  test(`"session" ${version === "h2" ? "comes with Node's session" : "does not come"}`, async () => {
    const { server } = ownServer((_request, response) => response.end("ok"));
    const sessions: { alpnProtocol?: string }[] = [];
    server.on("session", (session) => sessions.push(session));
    await (await get(await connect(open, await listening(server)), "/")).text();
    expect(sessions.map(({ alpnProtocol }) => alpnProtocol)).toEqual(version === "h2" ? ["h2"] : []);
  });
});

test("maxConnections does not count a connection that moves to another address again", async () => {
  const { server } = ownServer((request, response) => response.end(String(request.socket.remotePort)));
  server.maxConnections = 1;
  server.on("drop", () => expect.unreachable());
  const url = `https://127.0.0.1:${await listening(server)}/`;
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  const port = await (await client.fetch(url)).text();
  await client.connections()[0]!.migrate!();
  expect(await (await client.fetch(url)).text()).not.toBe(port);
  expect([client.connections().length, server.connections]).toEqual([1, 1]);
  await client.destroy();
});

test("listeners of sockets that throw end only their connection", async () => {
  const { server, lines } = ownServer((_request, response) => response.end("ok"));
  server.on("connection", (socket: Duplex & { alpnProtocol?: string }) => {
    if (socket.alpnProtocol === "h3") {
      socket.once("close", () => {
        throw new Error("thrown by a listener");
      });
    }
    throw new Error("thrown by a listener");
  });
  const port = await listening(server);
  for (const [, open] of VERSIONS) {
    const client = await connect(open, port);
    expect(await (await get(client, "/")).text()).toBe("ok");
    client.close();
  }
  await expect.poll(() => lines.filter((line) => line.includes("thrown by a listener")).length).toBe(4);
});

test("a TLS handshake that fails is a tlsClientError", async () => {
  const { server } = ownServer();
  const port = await listening(server);
  const { connect: connectTls } = await import("node:tls");
  const failed = once(server, "tlsClientError");
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["unknown"] });
  socket.on("error", () => undefined);
  expect((await failed)[0]).toBeInstanceOf(Error);
  socket.destroy();
});
