/** Unusual behavior of origins, allowed or not. The proxy handles it the same way over every version. */

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { testCertificate } from "../../host/client/testing/servers.ts";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient } from "../testing/test-client.ts";
import type { ProxyOptions } from "./options.ts";
import { createProxy } from "./service.ts";
import { rawOrigin, throughProxy } from "./testing/through-proxy.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function origin(listener: RequestListener, host = "127.0.0.1"): Promise<number> {
  const server = createServer({ maxHeaderSize: 1 << 20 }, listener);
  server.listen(0, host);
  await once(server, "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

describe.each(VERSIONS)("through the proxy over %s", (_version, open) => {
  const lines: string[] = [];

  async function start(origins: readonly string[], options: ProxyOptions = {}): Promise<TestClient> {
    lines.length = 0;
    return throughProxy(closers, open, origins, { log: (line) => lines.push(line), ...options });
  }

  describe("an unexpected 100 (RFC 9110 §15.2)", () => {
    test.each([
      ["before the response", [CONTINUE + OK]],
      ["twice", [CONTINUE + CONTINUE + OK]],
      ["from HTTP/1.0, with a field", [`HTTP/1.0 100 Go\r\nx-a: 1\r\n\r\n${OK}`]],
      ["with other interim responses", [`${CONTINUE}HTTP/1.1 103 Early Hints\r\n\r\n${CONTINUE}${OK}`]],
      ["in pieces", [...(CONTINUE + OK)]],
    ])("%s", async (_how, pieces) => {
      const target = await rawOrigin(closers, async (socket) => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const client = await start([target]);
      // The connection still works for a second request.
      for (let i = 0; i < 2; i += 1) {
        const response = await client.request({ method: "POST", body: "x" }).response;
        expect([response.status, await response.text()]).toEqual([200, "ok"]);
      }
    });
  });

  test("a body that looks like a 100 is a body", async () => {
    const target = await rawOrigin(closers, (socket) =>
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 25\r\n\r\n${CONTINUE}`),
    );
    const response = await get(await start([target]), "/");
    expect(await response.text()).toBe(CONTINUE);
  });

  test.each([20_000, 60_000])("a response head of %d bytes", async (size) => {
    const port = await origin((_request, response) => {
      response.setHeader("x-big", "a".repeat(size));
      response.end("ok");
    });
    const response = await get(await start([String(port)]), "/");
    expect([response.status, response.headers["x-big"]!.length]).toEqual([200, size]);
  });

  test.each([20_000, 60_000])("a request head of %d bytes", async (size) => {
    const port = await origin((request, response) => response.end(String(request.headers["x-big"]!.length)));
    const response = await get(await start([String(port)]), "/", { "x-big": "a".repeat(size) });
    expect([response.status, await response.text()]).toEqual([200, String(size)]);
  });

  test("a POST goes to the second origin when the first refuses the connection", async () => {
    const port = await origin(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      response.end(`got ${body}`);
    });
    const client = await start(["127.0.0.1:1", String(port)]);
    const response = await client.request({ method: "POST", body: "x" }).response;
    expect([response.status, await response.text()]).toEqual([200, "got x"]);
  });

  test("an idle connection that the origin has closed is not used for a POST", async () => {
    const kept: Socket[] = [];
    const port = await origin((request, response) => {
      if (request.method === "GET") kept.push(request.socket);
      response.end("ok");
    });
    const client = await start([String(port)]);
    for (let i = 0; i < 5; i += 1) {
      await (await get(client, "/")).text();
      kept.at(-1)!.destroy();
      const response = await client.request({ method: "POST", body: "x" }).response;
      expect([response.status, await response.text()]).toEqual([200, "ok"]);
    }
  });

  test.each([
    ["GET", 200],
    ["POST", 502],
  ] as const)("a %s on an idle connection that breaks before a response: %i", async (method, status) => {
    let requests = 0;
    const target = await rawOrigin(closers, (socket) => {
      requests += 1;
      if (requests === 2) socket.destroy();
      else socket.write(OK);
    });
    const client = await start([target]);
    await (await get(client, "/")).text();
    const response = await client.request(method === "POST" ? { method, body: "x" } : {}).response;
    expect(response.status).toBe(status);
  });

  test("an early 413 with close reaches a client that is still sending", async () => {
    const target = await rawOrigin(closers, (socket) => {
      socket.removeAllListeners("data").pause();
      socket.write("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno", () => {
        socket.resetAndDestroy();
      });
    });
    const client = await start([target]);
    const exchange = client.request({ method: "POST", streaming: true });
    const send = async () => {
      for (let i = 0; i < 40; i += 1) await exchange.send(new Uint8Array(16_384));
    };
    send().catch(() => undefined);
    const response = await exchange.response;
    expect([response.status, await response.text()]).toEqual([413, "no"]);
    exchange.cancel();
  });

  test.each([["a port alone"], ["localhost"]])("%s finds an origin on ::1", async (how) => {
    const port = await origin((_request, response) => response.end("six"), "::1");
    const response = await get(await start([how === "localhost" ? `localhost:${port}` : String(port)]), "/");
    expect([response.status, await response.text()]).toEqual([200, "six"]);
  });

  test.each([600, 999])("the status %d is a 502", async (status) => {
    const target = await rawOrigin(closers, (socket) =>
      socket.write(`HTTP/1.1 ${status} Odd\r\ncontent-length: 2\r\n\r\nok`),
    );
    expect((await get(await start([target]), "/")).status).toBe(502);
    expect(lines).toEqual([expect.stringContaining(`the status ${status} `)]);
  });

  test("a response without a length ends with the connection, and a reset truncates it (RFC 9112 §8)", async () => {
    const head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    const sockets: Socket[] = [];
    const target = await rawOrigin(closers, (socket, data) => {
      sockets.push(socket);
      if (data.startsWith("GET /whole")) socket.end(`${head}whole`);
      else socket.write(`${head}part`);
    });
    const client = await start([target]);
    expect(await (await get(client, "/whole")).text()).toBe("whole");
    const response = await get(client, "/cut");
    sockets.at(-1)!.resetAndDestroy();
    await expect(response.text()).rejects.toThrow();
  });

  test.each([
    [undefined, /^localhost:\d+$/],
    ["client", /^localhost:\d+$/],
    ["origin", /^127\.0\.0\.1:\d+$/],
    ["app.example:81", /^app\.example:81$/],
  ])("hostHeader %s", async (hostHeader, expected) => {
    const port = await origin((request, response) => response.end(request.headers.host));
    const client = await start([`http://127.0.0.1:${port}`], { hostHeader });
    expect(await (await get(client, "/")).text()).toMatch(expected);
  });

  test("an unknown certificate is rejected, unless configured otherwise", async () => {
    const server = createTlsServer(testCertificate().issued, (_request, response) => response.end("secret"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await get(await start([url]), "/")).status).toBe(502);
    expect(lines[0]).toContain("CERTIFICATE_");
    expect((await get(await start([url], { rejectUnauthorized: false }), "/")).status).toBe(200);
    expect((await get(await start([url], { ca: testCertificate().authority.ca }), "/")).status).toBe(200);
  });
});

test("an invalid hostHeader is rejected immediately", async () => {
  await expect(createProxy(["1"], { hostHeader: "a b" })).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
