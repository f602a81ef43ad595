/** The proxy as a service: pools that follow DNS in both kinds of configuration, metrics, and what it says of a bad start. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { isSameName, type Message, parseRecord, RCODES } from "../../dns/index.ts";
import { nameServer } from "../../host/dns/testing/name-server.ts";
import { type BackendServer, backendServer } from "../../host/memcache/testing/backend.ts";
import { parseExposition } from "../../host/metrics/exposition.ts";
import { MemcacheService, type MemcacheServiceOptions } from "./service.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function backend(where: string): Promise<BackendServer> {
  const server = await backendServer(where);
  closers.push(() => server.stop());
  return server;
}

/** A name server with SRV records, which may be exchanged. */
async function serviceRecords(...ports: number[]) {
  const zone = { ports };
  const change = (response: Message, query: Message): Message => {
    const lines = [...zone.ports.map((port) => `_m._tcp.test. 3600 SRV 1 1 ${port} 127.0.0.1.`)];
    const answers = lines
      .map((line) => parseRecord(line))
      .filter(({ name, type }) => isSameName(name, query.questions[0]!.name) && type === query.questions[0]!.type);
    return { ...response, rcode: RCODES.NOERROR, answers };
  };
  const server = await nameServer([], { change });
  closers.push(() => server[Symbol.asyncDispose]());
  return Object.assign(zone, { nameServers: [server.udp] });
}

async function start(name: string, text: string, options: Partial<MemcacheServiceOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "nagare-memcache-"));
  const file = join(folder, name);
  writeFileSync(file, text);
  const log: string[] = [];
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const service = await MemcacheService.start({
    version: "0",
    source: name.endsWith(".lua") ? { lua: [file] } : { module: file },
    listen: [{ port: 0 }],
    watch: false,
    log: (line) => log.push(line),
    ...options,
  });
  closers.push(() => service.close(0));
  return { service, log, file };
}

async function ask({ addresses }: MemcacheService, text: string): Promise<string> {
  const socket = connect(Number(addresses[0]!.split(":").at(-1)), "127.0.0.1");
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const JSON_POOL = JSON.stringify({
  memcache: {
    pools: { a: { backends: [{ host: "srv:_m._tcp.test", retryTimeout: 0.1, failureLimit: 0 }] } },
    routes: { default: "a" },
  },
});
const LUA_POOL = `pools{ a = { backends = { "srv:_m._tcp.test" } } }
routes{ default = route_direct{ child = "a" } }
`;
const CORE_POOL = `function mcp_config_pools()
  return mcp.pool({ mcp.backend("a", "srv:_m._tcp.test", 1) })
end
function mcp_config_routes(pool)
  local fg = mcp.funcgen_new()
  local handle = fg:new_handle(pool)
  fg:ready({ n = "all", f = function(rctx)
    return function(r) return rctx:enqueue_and_wait(r, handle) end
  end })
  mcp.attach(mcp.CMD_ANY_STORAGE, fg)
end
`;

describe("a pool of SRV records has other servers when the old one fails", () => {
  test.each([
    ["pools.json", JSON_POOL],
    ["routes.lua", LUA_POOL],
    ["core.lua", CORE_POOL],
  ])("%s", async (name, text) => {
    const [first, second] = [await backend("first"), await backend("second")];
    const zone = await serviceRecords(first.port);
    const { service, log } = await start(name, text, zone);
    expect(await ask(service, "get where\r\n")).toBe("VALUE where 0 5\r\nfirst\r\nEND\r\n");
    zone.ports = [second.port];
    first.stop();
    await vi.waitFor(
      async () => expect(await ask(service, "get where\r\n")).toBe("VALUE where 0 6\r\nsecond\r\nEND\r\n"),
      { timeout: 20_000, interval: 20 },
    );
    expect(log).toEqual([`nagare: srv:_m._tcp.test is now 127.0.0.1:${second.port}`]);
  });
});

test("metrics, health and readiness over HTTP", async () => {
  const { port } = await backend("here");
  const config = {
    counters: ["seen"],
    pools: {
      a: { backends: [`127.0.0.1:${port} good`, { host: "127.0.0.1", port: 1, label: "bad", failureLimit: 0 }] },
    },
    routes: { default: "a" },
  };
  const { service } = await start("pools.json", JSON.stringify(config), { metrics: { host: "127.0.0.1", port: 0 } });
  await vi.waitFor(() => expect(service.server.proxy.badBackends()).toHaveLength(1));
  await ask(service, "mg where v\r\nmg where v\r\nbogus\r\n");
  const base = `http://127.0.0.1:${service.metricsAddress!.port}`;
  const text = await (await fetch(`${base}/metrics`)).text();
  expect(parseExposition(text).size).toBeGreaterThan(10);
  for (const line of [
    'nagare_memcache_requests_total{command="mg"} 2',
    "nagare_memcache_request_errors_total 1",
    "nagare_memcache_clients_total 1",
    'nagare_memcache_user_total{name="seen"} 0',
    'nagare_memcache_backend_up{backend="good"} 1',
    'nagare_memcache_backend_up{backend="bad"} 0',
    'nagare_memcache_backend_failures_total{backend="bad",reason="connecting"} 1',
    'nagare_memcache_backend_failures_total{backend="bad",reason="markedbad"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect(await (await fetch(`${base}/healthz`)).text()).toBe("alive\n");
  expect(await (await fetch(`${base}/readyz`)).text()).toBe("ready\n");
});

test("a port for metrics that is taken is an error at once, and nothing keeps listening", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  await expect(start("pools.json", JSON_POOL, { metrics: { host: "127.0.0.1", port } })).rejects.toMatchObject({
    code: "PORT_IN_USE",
  });
});
