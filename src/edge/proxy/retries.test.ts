/** RFC 9110 §9.2.2: what is sent again when an origin fails, and what is not; health checks, limits and timeouts. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { VERSIONS } from "../testing/client.ts";
import { get } from "../testing/test-client.ts";
import type { OriginOptions, ProxyOptions } from "./options.ts";
import { createProxy, type ProxyService } from "./service.ts";
import { rawOrigin, serveProxy } from "./testing/through-proxy.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const closers: (() => unknown)[] = [];
const kept: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(listener: Listener, port = 0): Promise<Server> {
  const server = createServer(listener);
  await once(server.listen(port, "127.0.0.1"), "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const DEAD = "http://127.0.0.1:1";

describe.each(VERSIONS)("over %s", (_version, open) => {
  let lines: string[] = [];
  let proxy: ProxyService;

  async function start(
    origins: readonly (string | OriginOptions)[],
    options: ProxyOptions = {},
  ): ReturnType<typeof serveProxy> {
    lines = [];
    proxy = await createProxy(origins, { log: (line) => lines.push(line), ...options });
    return serveProxy(closers, open, proxy);
  }

  let echo: string;
  beforeAll(async () => {
    const server = await listen(async (request, response) => {
      const parts = await request.toArray().catch(() => []);
      response.end(`${request.method} ${Buffer.concat(parts as Buffer[])}`);
    });
    kept.push(closers.pop()!);
    echo = urlOf(server);
  });
  afterAll(async () => {
    for (const close of kept.splice(0)) await close();
  });

  /** An origin that reads requests, and breaks the connection without an answer. */
  const breaking = async (): Promise<string> => `http://${await rawOrigin(closers, (socket) => socket.destroy())}`;

  test.each([
    ["GET", undefined, 200],
    ["DELETE", undefined, 200],
    ["PUT", "content", 200],
    ["PUT", "more than is kept", 502],
    ["POST", "content", 502],
    ["PATCH", "content", 502],
  ])("a %s whose connection breaks before the answer (content: %s): %i", async (method, body, status) => {
    const client = await start([await breaking(), echo], { retry: { bufferSize: 10 } });
    const response = await client.request({ method, ...(body === undefined ? {} : { body }) }).response;
    const text = await response.text();
    expect(response.status).toBe(status);
    if (status === 200) expect(text).toBe(`${method} ${body ?? ""}`);
    expect(proxy.status().retries).toEqual({ made: status === 200 ? 1 : 0, denied: 0 });
  });

  test("a POST of which nothing was sent goes to another origin, with its content", async () => {
    const client = await start([DEAD, echo]);
    const response = await client.request({ method: "POST", body: "content" }).response;
    expect([response.status, await response.text()]).toEqual([200, "POST content"]);
    expect(proxy.status().origins.map(({ health, failures }) => [health, failures])).toEqual([
      ["down", 1],
      ["up", 0],
    ]);
    expect(proxy.status().origins[0]!.lastFailure).toMatch(/^CONNECTION_REFUSED /);
  });

  test("without attempts or budget, nothing is sent again", async () => {
    for (const retry of [{ attempts: 0 }, { budget: 0 }]) {
      const client = await start([DEAD, echo], { retry });
      expect((await get(client, "/")).status).toBe(502);
    }
  });

  test("a fleet without a connection left answers 503 and Retry-After at once, another origin takes what it can", async () => {
    const waiting: ServerResponse[] = [];
    const slow = urlOf(await listen((_request, response) => waiting.push(response)));
    const client = await start([{ url: slow, maxConnections: 1 }], { maxWaiting: 0 });
    const other = await open(new URL(`https://127.0.0.1:${client.port}`));
    closers.push(() => other.close());
    const first = client.request({});
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    const refused = await get(other, "/");
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
    expect(await refused.text()).toContain("is busy");
    waiting[0]!.end("done");
    expect(await (await first.response).text()).toBe("done");
    expect(proxy.status().origins[0]).toMatchObject({ active: 0, waiting: 0, health: "up" });
  });

  test("a request that waits too long for a connection is a 503", async () => {
    const slow = urlOf(
      await listen((request, response) => {
        if (request.url === "/") response.end();
      }),
    );
    const client = await start([{ url: slow, maxConnections: 1 }], { waitTimeout: 20 });
    const other = await open(new URL(`https://127.0.0.1:${client.port}`));
    closers.push(() => other.close());
    // Connects, however slowly.
    let status = 0;
    while (status !== 200) {
      const response = await get(client, "/");
      await response.text();
      status = response.status;
    }
    client.request({ path: "/silent" });
    await vi.waitFor(() => expect(proxy.status().origins[0]!.active).toBe(1));
    expect((await get(other, "/")).status).toBe(503);
  });

  test("the limit for the whole request covers retries, and ends a response that is under way", async () => {
    const silent = urlOf(
      await listen((request, response) => {
        if (request.url === "/begun") response.write("begun");
      }),
    );
    // A slow machine needs more time until the response has begun.
    for (let timeout = 40; ; timeout *= 2) {
      const client = await start([silent], { timeout });
      if (timeout === 40) expect((await get(client, "/")).status).toBe(504);
      const other = await open(new URL(`https://127.0.0.1:${client.port}`));
      closers.push(() => other.close());
      const begun = await get(other, "/begun");
      if (begun.status === 504) continue;
      await expect(begun.text()).rejects.toThrow();
      break;
    }
  });

  test("a client that stops sending gets a 408; an origin that stops reading is a 504", async () => {
    const client = await start([echo], { requestBodyTimeout: 30 });
    const exchange = client.request({ method: "POST", streaming: true });
    await exchange.send("a part");
    const response = await exchange.response;
    expect([response.status, await response.text()]).toEqual([408, expect.stringContaining("did not arrive")]);
  });

  test("by cookie, a client stays with its origin", async () => {
    const names = await Promise.all(
      ["a", "b", "c"].map(async (name) => urlOf(await listen((_request, response) => response.end(name)))),
    );
    const client = await start(names, { balance: "cookie:session" });
    const seen = new Map<string, Set<string>>();
    for (let i = 0; i < 24; i += 1) {
      const session = `s${i % 8}`;
      const name = await (await get(client, "/", { cookie: `session=${session}` })).text();
      seen.set(session, (seen.get(session) ?? new Set()).add(name));
    }
    expect([...seen.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...seen.values()].flatMap((each) => [...each])).size).toBeGreaterThan(1);
  });
});

describe("health checks", () => {
  test("an origin that fails its checks gets no requests until it passes them again", async () => {
    let isHealthy = false;
    let checks = 0;
    const lines: string[] = [];
    const moody = urlOf(
      await listen((request, response) => {
        if (request.url !== "/healthz?deep") {
          response.end("moody");
          return;
        }
        checks += 1;
        expect(request.headers.host).toBe("app.test");
        response.writeHead(isHealthy ? 204 : 503).end();
      }),
    );
    const steady = urlOf(await listen((_request, response) => response.end("steady")));
    const healthCheck = { path: "/healthz?deep", interval: 2, host: "app.test", status: [204, "300-308"] };
    const proxy = await createProxy([moody], { healthCheck, log: (line) => lines.push(line) });
    closers.push(() => proxy.close());
    await vi.waitFor(() => expect(proxy.status().origins[0]!.health).toBe("failing checks"));
    expect(checks).toBeGreaterThanOrEqual(2);
    expect(lines[0]).toBe(`nagare: ${moody}: fails its health checks: its health check got a 503`);
    isHealthy = true;
    await vi.waitFor(() => expect(proxy.status().origins[0]!.health).toBe("up"));
    expect(lines[1]).toBe(`nagare: ${moody}: passes its health checks again`);
    expect(steady).not.toBe(moody);
  });

  test.each([
    ["refuses connections", 60_000, async () => DEAD, /nothing is listening/],
    ["does not answer", 10, async () => urlOf(await listen(() => undefined)), /no answer within 0.01 s/],
    [
      "breaks the connection",
      60_000,
      async () => `http://${await rawOrigin(closers, (socket) => socket.destroy())}`,
      /closed/,
    ],
  ])("an origin that %s fails them", async (_how, timeout, origin, reason) => {
    const lines: string[] = [];
    const healthCheck = { path: "/", interval: 2, timeout };
    const proxy = await createProxy([await origin()], { healthCheck, log: (line) => lines.push(line) });
    closers.push(() => proxy.close());
    await vi.waitFor(() => expect(proxy.status().origins[0]!.health).toBe("failing checks"));
    expect(lines[0]).toMatch(reason);
    expect(proxy.status().origins[0]!.failedChecks).toBeGreaterThanOrEqual(2);
  });
});
