/** Limits of a server, over every version of HTTP. */

import { connect } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { PeerAddress } from "../../../host/http/exchange.ts";
import { localhostIdentity } from "../../../host/http/testing/identities.ts";
import { serve } from "../../serve.ts";
import type { Server } from "../../server.ts";
import { deferred } from "../../testing/async.ts";
import { VERSIONS } from "../../testing/client.ts";
import { get } from "../../testing/test-client.ts";
import { Limits } from "./limits.ts";
import type { LimitsOptions } from "./options.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(limits: LimitsOptions, held?: Promise<void>): Promise<Server> {
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...localhostIdentity, limits, metrics: { port: 0 } },
    async () => {
      await held;
      return new Response("hello");
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  return server;
}

const metric = async (server: Server, sample: string): Promise<string | undefined> =>
  (await (await fetch(server.metricsUrl!)).text()).split("\n").find((line) => line.startsWith(`${sample} `));

const address = (text: string): PeerAddress => ({
  address: text,
  port: 1,
  family: text.includes(":") ? "IPv6" : "IPv4",
});

describe.each(VERSIONS)("over %s", (version, open) => {
  test("a client with too many requests gets a 429 with Retry-After", async () => {
    const server = await start({ requestsPerSecond: 0.001, burst: 2 });
    const client = await open(server.url);
    closers.push(() => client.close());
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const response = await get(client, "/");
      statuses.push(response.status);
      if (response.status === 429) expect(Number(response.headers["retry-after"])).toBeGreaterThan(900);
      await response.text();
    }
    expect(statuses).toEqual([200, 200, 429]);
    expect(await metric(server, 'nagare_http_refused_total{reason="rate"}')).toMatch(/ 1$/);
  });

  test("above the number of requests in progress, a 503 with Retry-After, and afterwards none", async () => {
    const held = deferred<void>();
    const server = await start({ concurrentRequests: 1, retryAfter: 7_000 }, held.promise);
    const [first, second] = [await open(server.url), await open(server.url)];
    closers.push(
      () => first.close(),
      () => second.close(),
    );
    const pending = get(first, "/");
    await vi.waitFor(async () =>
      expect(await metric(server, `nagare_http_requests_in_flight{protocol="${first.protocol}"}`)).toMatch(/ 1$/),
    );
    const refused = await get(second, "/");
    expect([refused.status, refused.headers["retry-after"], await refused.text()]).toEqual([503, "7", ""]);
    held.resolve();
    expect(await (await pending).text()).toBe("hello");
    expect(await (await get(second, "/")).text()).toBe("hello");
  });

  test("a client with too many connections is refused, until one has closed", async () => {
    const server = await start({ connectionsPerAddress: 1 });
    const client = await open(server.url);
    await (await get(client, "/")).text();
    // Over TCP, whatever the version of the first connection: both kinds count together.
    const other = connect(server.port, "127.0.0.1", { rejectUnauthorized: false });
    const outcome = await new Promise((resolve) => {
      other.once("secureConnect", () => resolve("open")).once("close", () => resolve("closed"));
      other.on("error", () => undefined);
    });
    expect(outcome).toBe("closed");
    if (version === "h3") await expect(open(server.url)).rejects.toThrow();
    expect(await metric(server, "nagare_connections_refused_total")).toMatch(/ [1-9]$/);
    client.close();
    await unconnected(server);
    const next = await open(server.url);
    closers.push(() => next.close());
    expect(await (await get(next, "/")).text()).toBe("hello");
  });
});

/** Resolves when the server has no connections. */
async function unconnected(server: Server): Promise<void> {
  await vi.waitFor(async () => {
    expect(await metric(server, 'nagare_connections{transport="tcp"}')).toMatch(/ 0$/);
    expect(await metric(server, 'nagare_connections{transport="udp"}')).toMatch(/ 0$/);
  });
}

describe("connections", () => {
  test("of one /64 are those of one client, and closing one makes room", () => {
    const limits = new Limits({ connectionsPerAddress: 2 }, []);
    const close = limits.open(address("2001:db8::1"));
    limits.open(address("2001:db8::2"));
    expect(limits.admits(address("2001:db8::3"))).toBe(false);
    expect(limits.open(address("2001:db8::3"))).toBeUndefined();
    expect(limits.admits(address("2001:db8:0:1::3"))).toBe(true);
    close!();
    expect(limits.admits(address("2001:db8::3"))).toBe(true);
  });

  test("of trusted proxies and exempt clients are not limited", () => {
    const limits = new Limits({ connectionsPerAddress: 1, requestsPerSecond: 1, burst: 1, exempt: ["192.0.2.0/24"] }, [
      "10.0.0.1",
    ]);
    for (const each of ["192.0.2.9", "10.0.0.1"]) {
      limits.open(address(each));
      expect([limits.admits(address(each)), limits.begin(each), limits.begin(each)]).toEqual([
        true,
        undefined,
        undefined,
      ]);
    }
  });
});

test("while the event loop is late, a share of requests gets a 503", async () => {
  const server = await serve(
    { port: 0, host: "127.0.0.1", ...localhostIdentity, limits: { maxLag: 50 } },
    (request) => {
      const end = performance.now() + (request.url.endsWith("/block") ? 300 : 0);
      while (performance.now() < end);
      return new Response("hello");
    },
  );
  closers.push(() => server.close({ timeout: 0 }));
  const client = await VERSIONS[1]![1](server.url);
  closers.push(() => client.close());
  await get(client, "/block");
  await vi.waitFor(async () => expect((await get(client, "/")).status).toBe(503), { interval: 10 });
});

test("above the memory ceiling, requests get a 503 until the program uses less", async () => {
  const limits = new Limits({ maxMemory: 1 }, []);
  await vi.waitFor(() => expect(limits.begin("192.0.2.1")).toMatchObject({ status: 503, reason: "memory" }));
  limits.close();
});

test.each<[LimitsOptions, string]>([
  [{ requestsPerSecond: 0 }, "limits.requestsPerSecond 0 is not a limit"],
  [{ maxLag: Number.NaN }, "limits.maxLag NaN is not a limit"],
  [{ requestsPerSecond: 1, burst: 0.5 }, "limits.burst 0.5 lets no request pass"],
  [{ exempt: ["here"] }, 'limits.exempt: "here" is not an address'],
])("%j is refused before the server listens", async (limits, message) => {
  await expect(
    serve({ port: 0, host: "127.0.0.1", ...localhostIdentity, limits }, () => new Response()),
  ).rejects.toThrow(message);
});
