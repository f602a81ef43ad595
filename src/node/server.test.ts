/** The server itself: the forms of `listen`, addresses, closing, errors with Node's codes, options. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import net, { createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, Server as TlsServer } from "node:tls";
import { describe, expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { TCP_VERSIONS, VERSIONS } from "../edge/testing/client.ts";
import { get } from "../edge/testing/test-client.ts";
import { makeCertificate, type TestCertificate } from "../host/certificates/testing/make-certificate.ts";
import { AES_PFX, PLAIN_PFX } from "../host/certificates/testing/pfx.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createServer, Server } from "./server.ts";
import { closers, connect, listening, ownServer } from "./testing/server.ts";

const closing = (server: Server): Server => {
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
};

type Two = [TestCertificate, TestCertificate];
type Three = [TestCertificate, TestCertificate, TestCertificate];

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
    return "no error";
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe("listen", () => {
  const FORMS: [string, (server: Server, done: () => void) => unknown][] = [
    ["()", (server, done) => server.once("listening", done).listen()],
    ["(callback)", (server, done) => server.listen(done)],
    ["(port, callback)", (server, done) => server.listen(0, done)],
    ["(port as text, callback)", (server, done) => server.listen("0", done)],
    ["(port, host, callback)", (server, done) => server.listen(0, "127.0.0.1", done)],
    ["(port, backlog, callback)", (server, done) => server.listen(0, 16, done)],
    ["(port, host, backlog, callback)", (server, done) => server.listen(0, "127.0.0.1", 16, done)],
    ["(undefined, callback)", (server, done) => server.listen(undefined, done)],
    ["(options, callback)", (server, done) => server.listen({ port: 0, host: "127.0.0.1", backlog: 16 }, done)],
  ];

  test.each(FORMS)("%s", async (_form, run) => {
    const { server } = ownServer();
    await new Promise<void>((resolve) => expect(run(closing(server), resolve)).toBe(server));
    expect(server.listening).toBe(true);
    expect(server.address()).toMatchObject({ port: expect.any(Number) });
    expect(new Set(server.addresses.map(({ port }) => port)).size).toBe(1);
    expect(new Set(server.addresses.map(({ transport }) => transport))).toEqual(new Set(["tcp", "udp"]));
  });

  test("without a host binds synchronously, so that the address is known in the same turn", async () => {
    const { server } = ownServer((_request, response) => response.end("here"));
    const { port } = closing(server).listen(0).address()!;
    await once(server, "listening");
    expect(server.address()!.port).toBe(port);
  });

  test("supertest finds a handle while the server is bound", async () => {
    const { server } = ownServer();
    expect(server._handle).toBeNull();
    closing(server).listen(0);
    expect(server._handle).not.toBeNull();
    await once(server, "listening");
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(server._handle).toBeNull();
  });

  const overPath = async (path: string, protocol: "h2" | "http/1.1"): Promise<string> => {
    const socket = connectTls({ path, rejectUnauthorized: false, ALPNProtocols: [protocol] });
    closers.push(() => socket.destroy());
    await once(socket, "secureConnect");
    if (protocol === "h2") {
      const session = connectHttp2("https://localhost", { createConnection: () => socket });
      closers.push(() => session.destroy());
      return (await session.request({ ":path": "/" }).setEncoding("utf8").toArray()).join("");
    }
    socket.end("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    return (await socket.setEncoding("utf8").toArray()).join("").split("\r\n\r\n")[1]!;
  };

  test.each([
    ["(path)", (server: Server, path: string) => server.listen(path)],
    ["({ path })", (server: Server, path: string) => server.listen({ path, readableAll: true })],
  ])("%s serves HTTP/1.1 and HTTP/2 on a UNIX domain socket", async (_form, run) => {
    const folder = mkdtempSync(join(tmpdir(), "nagare-node-"));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "socket");
    const { server } = ownServer(({ socket }, response) => {
      response.end(`${socket.remoteAddress} ${socket.remotePort} ${socket.remoteFamily}`);
    });
    await once(run(closing(server), path), "listening");
    expect(server.address()).toBe(path);
    expect(server.addresses).toEqual([]);
    for (const protocol of ["http/1.1", "h2"] as const) {
      expect(await overPath(path, protocol)).toBe("undefined undefined undefined");
    }
    const second = ownServer().server;
    const [inUse] = await once(second.listen(path) && second, "error");
    expect(inUse).toMatchObject({ code: "EADDRINUSE", address: path });
  });

  test("({ fd }) serves HTTP/1.1 and HTTP/2 on an open descriptor", async () => {
    // Node's own: creates a bound socket that no event loop watches yet.
    const { _createServerHandle: bind } = net as unknown as {
      _createServerHandle(address: string, port: number, family: 4): { readonly fd: number };
    };
    const { server } = ownServer((_request, response) => response.end("served"));
    await once(closing(server).listen({ fd: bind("127.0.0.1", 0, 4).fd }), "listening");
    expect(server.addresses.map(({ transport }) => transport)).toEqual(["tcp"]);
    for (const [, open] of TCP_VERSIONS) {
      const response = await get(await connect(open, server.address()!.port), "/");
      expect(await response.text()).toBe("served");
      expect(response.headers["alt-svc"]).toBeUndefined();
    }
    const bad = ownServer().server;
    expect((await once(bad.listen({ fd: 1_000_000 }) && bad, "error"))[0]).toHaveProperty("syscall");
  });

  test("a path for HTTP/3 alone, a port out of range and a second call are rejected with a code", async () => {
    const alone = ownServer(undefined, { protocols: ["h3"] }).server;
    expect((await once(alone.listen("/run/socket") && alone, "error"))[0]).toHaveProperty("code", "OPTION_INVALID");
    const { server } = ownServer();
    expect(codeOf(() => server.listen({ _handle: {} } as never))).toBe("OPTION_INVALID");
    expect(codeOf(() => server.listen(70_000))).toBe("ERR_SOCKET_BAD_PORT");
    expect(codeOf(() => server.listen(-1))).toBe("ERR_SOCKET_BAD_PORT");
    closing(server).listen(0);
    expect(codeOf(() => server.listen(0))).toBe("ERR_SERVER_ALREADY_LISTEN");
  });

  test("a port in use and an address of another machine cause Node's errors", async () => {
    const other = createNetServer().listen(0, "127.0.0.1");
    closers.push(() => other.close());
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const { server } = ownServer();
    const [inUse] = await once(server.listen(port, "127.0.0.1") && server, "error");
    expect(inUse).toMatchObject({ code: "EADDRINUSE", syscall: "listen", address: "127.0.0.1", port });
    expect(server.listening).toBe(false);
    const [foreign] = await once(server.listen(0, "192.0.2.1") && server, "error");
    expect(foreign.code).toBe("EADDRNOTAVAIL");
    // The server may listen again.
    await listening(server);
  });

  test("a signal closes the server", async () => {
    const { server } = ownServer();
    const controller = new AbortController();
    server.listen({ port: 0, host: "127.0.0.1", signal: controller.signal });
    await once(server, "listening");
    controller.abort();
    await once(server, "close");
    expect(server.listening).toBe(false);
  });

  test("a server that is closed before it is bound never listens", async () => {
    const { server } = ownServer();
    server.listen(0, "127.0.0.1");
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(server.listening).toBe(false);
    expect(server.address()).toBeNull();
  });
});

describe("close", () => {
  test("calls closeIdleConnections once, as Node's server does", async () => {
    const { server } = ownServer();
    await listening(server);
    let calls = 0;
    server.closeIdleConnections = () => void calls++;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(calls).toBe(1);
  });

  test("of a server that is not running calls back with an error", async () => {
    const error = await new Promise<unknown>((resolve) => ownServer().server.close(resolve));
    expect(error).toMatchObject({ code: "ERR_SERVER_NOT_RUNNING" });
  });

  describe.each(VERSIONS)("over %s", (_version, open) => {
    test("waits for pending requests, but not for idle connections", async () => {
      let respond: (() => void) | undefined;
      const { server } = ownServer((request, response) => {
        if (request.url === "/slow") respond = () => response.end("late");
        else response.end("soon");
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address()!;
      const idle = await connect(open, port);
      await (await get(idle, "/")).text();
      const busy = await connect(open, port);
      const slow = get(busy, "/slow");
      await expect.poll(() => respond).toBeDefined();
      let isClosed = false;
      server.close(() => {
        isClosed = true;
      });
      await idle.goneAway;
      expect(isClosed).toBe(false);
      expect(server.listening).toBe(false);
      respond!();
      expect(await (await slow).text()).toBe("late");
      await expect.poll(() => isClosed).toBe(true);
    });

    test("closeAllConnections ends pending requests", async () => {
      const { server } = ownServer(() => undefined);
      const port = await listening(server);
      const client = await connect(open, port);
      const hanging = get(client, "/");
      const count = () =>
        new Promise<number>((resolve) => server.getConnections((_error: unknown, number: number) => resolve(number)));
      await expect.poll(count).toBe(1);
      server.closeIdleConnections();
      expect(await count()).toBe(1);
      const lost = expect(hanging).rejects.toThrow();
      server.closeAllConnections();
      await lost;
      await expect.poll(count).toBe(0);
    });
  });
});

test("advertises HTTP/3, unless the protocols option excludes it", async () => {
  for (const protocols of [undefined, ["h2" as const]]) {
    const { server } = ownServer((_request, response) => response.end(), protocols === undefined ? {} : { protocols });
    const port = await listening(server);
    for (const [, open] of TCP_VERSIONS) {
      const { headers } = await get(await connect(open, port), "/");
      expect(headers["alt-svc"]).toBe(protocols === undefined ? `h3=":${port}"; ma=3600` : undefined);
    }
    expect(server.addresses.some(({ transport }) => transport === "udp")).toBe(protocols === undefined);
  }
});

test("a clientError listener gets the socket, and may respond on it", async () => {
  const { server } = ownServer();
  server.on("clientError", (error, socket) => socket.end(`HTTP/1.1 400 ${error.code}\r\n\r\n`));
  const port = await listening(server);
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  closers.push(() => socket.destroy());
  socket.write("no HTTP at all\r\n\r\n");
  const [data] = await once(socket, "data");
  expect(String(data)).toMatch(/^HTTP\/1\.1 400 HPE_/);
});

test("accepts certificates in the forms that https does", async () => {
  const { cert, key } = localhostIdentity;
  for (const options of [
    { cert, key },
    { cert: Buffer.from(cert), key: Buffer.from(key) },
    { cert: [cert], key: [{ pem: key }] },
    { tls: { cert, key } },
    AES_PFX,
    { pfx: [Buffer.from(PLAIN_PFX.pfx), { buf: AES_PFX.pfx, passphrase: AES_PFX.passphrase }] },
  ]) {
    const port = await listening(createServer(options, (_request, response) => response.end("served")));
    const [, open] = VERSIONS[2]!;
    expect(await (await get(await connect(open, port), "/")).text()).toBe("served");
  }
  expect(codeOf(() => createServer({ cert }))).toBe("OPTION_INVALID");
  expect(codeOf(() => createServer({ cert, key: "none" }))).toBe("KEY_UNREADABLE");
  expect(codeOf(() => createServer({ pfx: cert }))).toBe("CERTIFICATE_UNREADABLE");
  expect(codeOf(() => createServer({ ...AES_PFX, passphrase: "wrong" }))).toBe("KEY_ENCRYPTED");
});

describe.each(VERSIONS)("certificates replaced over %s", (version) => {
  const serves = async (port: number, { cert }: { cert: string }, name = "localhost"): Promise<boolean> => {
    const client = createClient({ protocols: [version], ca: cert, resolve: () => ["127.0.0.1"] });
    closers.push(() => client.destroy());
    return client.fetch(`https://${name}:${port}/`).then(
      (response) => response.ok,
      ({ code }) => {
        expect(code).toMatch(/^CERTIFICATE_/);
        return false;
      },
    );
  };

  test("by setSecureContext and reload", async () => {
    const [first, second, third] = [1, 2, 3].map(() => makeCertificate({ names: ["localhost"] })) as Three;
    const { server } = ownServer((_, response) => response.end(), first);
    const port = await listening(server);
    expect(await serves(port, first)).toBe(true);
    server.setSecureContext(second);
    expect(await serves(port, first)).toBe(false);
    expect(await serves(port, second)).toBe(true);
    await server.reload({ tls: [third] });
    expect(await serves(port, third)).toBe(true);
    await expect(server.reload({ cert: first.cert, key: second.key })).rejects.toMatchObject({ code: "KEY_MISMATCH" });
    expect(codeOf(() => server.setSecureContext({}))).toBe("OPTION_INVALID");
    expect(await serves(port, third)).toBe(true);
  });

  test("for a name by addContext, where the latest counts", async () => {
    const first = makeCertificate({ names: ["localhost", "a.test"] });
    const [second, third] = [1, 2].map(() => makeCertificate({ names: ["a.test", "b.w.test"] })) as Two;
    const { server } = ownServer((_, response) => response.end(), first);
    const port = await listening(server);
    expect(await serves(port, first, "a.test")).toBe(true);
    server.addContext("A.test", second);
    expect(await serves(port, second, "a.test")).toBe(true);
    expect(await serves(port, first)).toBe(true);
    server.addContext("a.test", third);
    server.addContext("*.w.test", third);
    expect(await serves(port, third, "a.test")).toBe(true);
    expect(await serves(port, third, "b.w.test")).toBe(true);
    expect(await serves(port, first)).toBe(true);
  });
});

test("listeners may be replaced and called by others, as engine.io does", async () => {
  const { server } = ownServer((_request, response) => response.end("app"));
  const before = server.listeners("request").slice() as ((...given: unknown[]) => void)[];
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    if (request.url === "/mine") response.end("mine");
    else for (const listener of before) listener.call(server, request, response);
  });
  const [, open] = VERSIONS[2]!;
  const client = await connect(open, await listening(server));
  expect(await (await get(client, "/mine")).text()).toBe("mine");
  expect(await (await get(client, "/")).text()).toBe("app");
  expect(server).toBeInstanceOf(Server);
  // Test clients check this to choose https.
  expect(server).toBeInstanceOf(TlsServer);
  expect(server.cert).toBe(localhostIdentity.cert);
});

test("HTTP/1.1's limits are options and properties", async () => {
  const { server } = ownServer((_request, response) => response.end(), { keepAliveTimeout: 7_000 });
  expect([server.keepAliveTimeout, server.headersTimeout, server.requestTimeout]).toEqual([7_000, 60_000, 300_000]);
  const [, open] = VERSIONS[0]!;
  const port = await listening(server);
  const ask = async () => (await get(await connect(open, port), "/")).headers;
  expect(await ask()).toMatchObject({ connection: "keep-alive", "keep-alive": "timeout=7" });
  server.keepAliveTimeout = 9_000;
  expect(await ask()).toMatchObject({ "keep-alive": "timeout=9" });
  server.maxRequestsPerSocket = 1;
  expect(await ask()).toMatchObject({ connection: "close" });
});

test("maxHeaderSize bounds the head of an HTTP/1.1 request", async () => {
  const { server } = ownServer((_request, response) => response.end(), { maxHeaderSize: 1024 });
  const [, open] = VERSIONS[0]!;
  const port = await listening(server);
  const ask = async (length: number) => (await get(await connect(open, port), `/${"a".repeat(length)}`)).status;
  expect(await ask(500)).toBe(200);
  expect(await ask(1024)).toBe(431);
});
