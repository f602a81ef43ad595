/** What a server counts of requests over every version of HTTP, and what it tells probes. */

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { loadIdentity } from "../../../host/certificates/identity.ts";
import { createFetchHandler } from "../../../host/http/fetch-handler.ts";
import { localhostIdentity } from "../../../host/http/testing/identities.ts";
import { type Server, startServer } from "../../server.ts";
import { deferred } from "../../testing/async.ts";
import { VERSIONS } from "../../testing/client.ts";
import { get, type TestClient } from "../../testing/test-client.ts";

let server: Server;
let clients: readonly TestClient[];
const held = deferred<void>();

beforeAll(async () => {
  const handler = createFetchHandler(
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/held") await held.promise;
      return new Response("hello", { status: pathname === "/missing" ? 404 : 200 });
    },
    { log: () => undefined },
  );
  const origin = { origin: "http://127.0.0.1:3000", active: 1, connections: 2, requests: 10, failures: 3 };
  const registry = {
    metrics: async () => "# HELP app_orders_total Orders.\n# TYPE app_orders_total counter\napp_orders_total 7",
  };
  server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], metrics: { port: 0, registry } },
    {
      ...handler,
      status: () => ({
        origins: [
          { ...origin, health: "up" },
          { ...origin, health: "down" },
        ],
      }),
    },
  );
  clients = await Promise.all(VERSIONS.map(([, open]) => open(server.url)));
});

afterAll(async () => {
  for (const client of clients) client.close();
  await server.close({ timeout: 0 });
});

const page = async (path: string, method = "GET") => {
  const response = await fetch(new URL(path, server.metricsUrl), { method });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
};

async function samples(): Promise<ReadonlyMap<string, number>> {
  const { text } = await page("/metrics");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

test("requests are counted by site, version and status, with their bytes and times", async () => {
  for (const client of clients) {
    await (await get(client, "/")).text();
    await (await get(client, "/missing")).text();
    await (await client.request({ method: "PROPFIND", path: "/" }).response).text();
  }
  const found = await samples();
  for (const protocol of ["h3", "h2", "http/1.1"]) {
    const value = (name: string, more = "") =>
      found.get(`nagare_http_${name}{site="localhost",protocol="${protocol}"${more}}`);
    expect(value("requests_total", ',status="4xx"'), protocol).toBe(1);
    expect(value("sent_bytes_total")).toBeGreaterThanOrEqual(10);
    expect(value("request_seconds_count")).toBe(value("first_byte_seconds_count"));
    expect(found.get(`nagare_http_requests_in_flight{protocol="${protocol}"}`)).toBe(0);
  }
  expect(found.get('nagare_http_responses_total{method="GET",status="404"}')).toBe(3);
  expect(found.get("nagare_tls_handshakes_total")).toBe(2);
  expect(found.get('nagare_connections{transport="tcp"}')).toBe(2);
  expect(found.get('nagare_connections{transport="udp"}')).toBe(1);
  expect(found.get('nagare_quic_handshakes_total{role="server",kind="full"}')).toBe(1);
});

test("a request in progress is in flight", async () => {
  const pending = clients[2]!.request({ path: "/held" });
  await vi.waitFor(async () => expect((await samples()).get('nagare_http_requests_in_flight{protocol="h3"}')).toBe(1));
  held.resolve();
  await (await pending.response).text();
});

test("requests over TCP say why they are not HTTP/3", async () => {
  const found = await samples();
  const reasons = [...found.keys()].filter((key) => key.startsWith("nagare_http_fallback_requests_total"));
  // The three clients share one address.
  expect(reasons.length).toBeGreaterThan(1);
  expect(reasons.every((key) => /reason="(?:first-contact|same-connection|advertised|also-uses-h3)"/.test(key))).toBe(
    true,
  );
  expect(found.get('nagare_http3{state="advertised"}')).toBe(1);
});

test("a handshake that fails has a cause", async () => {
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await once(socket.resume(), "close");
  expect((await samples()).get('nagare_tls_handshakes_failed_total{cause="plain-http"}')).toBe(1);
});

test("hosts and methods that clients make up add no series", async () => {
  const [h1, h2] = clients as [TestClient, TestClient];
  const send = async (i: number): Promise<void> => {
    await (await get(h1, `/${i}?${i}`, { host: `made-up-${i}.test` })).text();
    await (await h2.request({ method: `MADEUP${i}`, path: "/" }).response).text();
  };
  await send(0);
  const before = await samples();
  expect(before.get('nagare_http_requests_total{site="other",protocol="http/1.1",status="2xx"}')).toBe(1);
  for (let i = 1; i < 30; i += 1) await send(i);
  const after = await samples();
  expect(after.get('nagare_http_requests_total{site="other",protocol="http/1.1",status="2xx"}')).toBe(30);
  expect(after.size).toBe(before.size);
});

test("origins, the process, UDP sockets and the program's own registry are there", async () => {
  const found = await samples();
  const origin = '{origin="http://127.0.0.1:3000"}';
  // The same origin behind two routes.
  expect(found.get(`nagare_origin_up${origin}`)).toBe(0);
  expect(found.get(`nagare_origin_failures_total${origin}`)).toBe(6);
  expect(found.get("nagare_process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(found.get("nagare_process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(found.get("nagare_udp_socket_drops_total")).toBe(0);
  expect(found.get("app_orders_total")).toBe(7);
});

test("every metric has a help and a name by Prometheus' rules", async () => {
  const lines = (await page("/metrics")).text.split("\n");
  const types = lines.filter((line) => line.startsWith("# TYPE nagare_")).map((line) => line.split(" ").slice(2));
  expect(types.length).toBeGreaterThan(50);
  for (const [name, type] of types as [string, string][]) {
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^# HELP ${name} \\w.+\\.$`)));
  }
});

test("probes get answers, and other paths and methods do not", async () => {
  expect(await page("/healthz")).toEqual({ status: 200, type: "text/plain; charset=utf-8", text: "alive\n" });
  expect(await page("/readyz")).toMatchObject({ status: 200, text: "ready\n" });
  expect((await page("/metrics")).type).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect((await page("/readyz", "HEAD")).text).toBe("");
  expect((await page("/readyz", "POST")).status).toBe(405);
  expect((await page("/")).status).toBe(404);
});

test("a server that drains is not ready, and its metrics stay until it has closed", async () => {
  const finish = deferred<void>();
  const handler = createFetchHandler(async () => {
    await finish.promise;
    return new Response("last");
  });
  const other = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], metrics: { port: 0 } },
    handler,
  );
  const ready = async () => (await fetch(new URL("/readyz", other.metricsUrl))).status;
  expect(await ready()).toBe(200);
  const client = await VERSIONS[1]![1](other.url);
  const pending = client.request({ path: "/" });
  const inFlight = async () => (await fetch(other.metricsUrl!)).text();
  await vi.waitFor(async () => expect(await inFlight()).toContain('nagare_http_requests_in_flight{protocol="h2"} 1'));
  const closed = other.close();
  expect(await ready()).toBe(503);
  finish.resolve();
  expect(await (await pending.response).text()).toBe("last");
  client.close();
  await closed;
  await expect(ready()).rejects.toThrow("fetch failed");
});
