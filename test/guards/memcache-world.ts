/** A memcached proxy in front of a backend, with clients that behave badly in several ways. */

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { MemcacheService } from "../../src/edge/memcache/service.ts";
import { nameServer } from "../../src/host/dns/testing/name-server.ts";
import { MemcacheServer } from "../../src/host/memcache/server.ts";
import { FakeBackend } from "../../src/memcache/testing/fake-backend.ts";
import { armed } from "./armed.ts";
import { closers, log } from "./world.ts";

type Trouble = "server error" | "client error" | "backend error" | "backend closed" | "silent" | "much" | "ending";

/** Stores and fetches through the proxy, until the armed entry has thrown. */
async function memcacheTraffic(trouble?: Trouble): Promise<void> {
  const backends: Socket[] = [];
  const store = new FakeBackend();
  const backend = createServer((socket) => {
    backends.push(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (trouble === "silent" && bytes.includes("get")) return;
      socket.write(store.handle(bytes));
    });
  });
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  const { port } = backend.address() as { port: number };
  const listening = vi.spyOn(Server.prototype, "listen");
  const proxy = new MemcacheServer({
    version: "0",
    onFault: ({ entry }) => log(`(${entry})`),
  });
  closers.push(
    () => proxy.close(),
    () => backend.close(),
    () => backends.map((socket) => socket.destroy()),
    () => listening.mockRestore(),
  );
  const backendOptions = { host: "127.0.0.1", port, readTimeout: trouble === "silent" ? 0.05 : 5, retryTimeout: 0.05 };
  proxy.configure({ pools: { a: { backends: [backendOptions] } }, routes: { default: "a" } });
  // Its own listener may be what throws; the socket listens all the same.
  void proxy.listen({ port: 0 });
  const server = listening.mock.contexts.at(-1) as Server;
  await vi.waitUntil(() => server.address() !== null);
  const address = server.address() as { port: number };
  if (trouble === "server error") server.emit("error", new Error("broken"));
  const clients: Socket[] = [];
  closers.push(() => clients.map((client) => client.destroy()));
  await vi.waitUntil(
    async () => {
      if (armed.entry === undefined) return true;
      const client = connect(address.port, "127.0.0.1");
      clients.push(client);
      client.on("error", () => {});
      if (trouble === "much") {
        client.pause();
        const value = "x".repeat(100_000);
        client.write(`set big 0 0 ${value.length}\r\n${value}\r\n`);
        client.write("get big\r\n".repeat(120));
        setTimeout(() => client.resume(), 50);
      } else client.write("set a 0 0 1\r\n1\r\nget a\r\n");
      if (trouble === "ending") client.end();
      if (trouble === "client error") setTimeout(() => client.resetAndDestroy(), 20);
      await new Promise((resolve) => setTimeout(resolve, 60));
      if (trouble === "backend error") for (const socket of backends) socket.resetAndDestroy();
      if (trouble === "backend closed") for (const socket of backends) socket.destroy();
      return armed.entry === undefined;
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Changes the configuration of a proxy, until the armed entry has thrown. */
async function reconfigured(trouble?: "watch error"): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-memcache-"));
  const module = join(folder, "memcache.json");
  const write = (name: string): void =>
    writeFileSync(
      module,
      JSON.stringify({ pools: { [name]: { backends: ["127.0.0.1:1"] } }, routes: { default: name } }),
    );
  write("first");
  const service = await MemcacheService.start({
    version: "0",
    source: { module },
    listen: [{ port: 0 }],
    watch: true,
    log,
  });
  closers.push(
    () => service.close(0),
    () => rmSync(folder, { recursive: true, force: true }),
  );
  if (trouble === "watch error") service.watchers[0]!.emit("error", new Error("broken"));
  await vi.waitUntil(
    () => {
      if (armed.entry !== undefined) write("second");
      return armed.entry === undefined;
    },
    { timeout: 15_000, interval: 300 },
  );
}

/** A pool whose name has a short time to live, until the armed entry has thrown. */
async function followed(): Promise<void> {
  const server = await nameServer(["cache.test. 0 A 127.0.0.1"]);
  const folder = mkdtempSync(join(tmpdir(), "nagare-guards-memcache-"));
  const module = join(folder, "memcache.json");
  writeFileSync(module, JSON.stringify({ pools: { a: { backends: ["dns:cache.test:1"] } }, routes: { default: "a" } }));
  const service = await MemcacheService.start({
    version: "0",
    source: { module },
    listen: [{ port: 0 }],
    watch: false,
    nameServers: [server.udp],
    log,
  });
  closers.push(
    () => service.close(0),
    () => server[Symbol.asyncDispose](),
    () => rmSync(folder, { recursive: true, force: true }),
  );
  await vi.waitUntil(() => armed.entry === undefined, { timeout: 15_000, interval: 20 });
}

const at = (run: () => Promise<unknown>): { readonly run: () => Promise<unknown> } => ({ run });

export const MEMCACHE_TRAFFIC = {
  "memcache connection": at(() => memcacheTraffic()),
  "memcache listening": at(() => memcacheTraffic()),
  "memcache server error": at(() => memcacheTraffic("server error")),
  "memcache client data": at(() => memcacheTraffic()),
  "memcache client drain": at(() => memcacheTraffic("much")),
  "memcache client end": at(() => memcacheTraffic("ending")),
  "memcache client error": at(() => memcacheTraffic("client error")),
  "memcache client closed": at(() => memcacheTraffic("ending")),
  "memcache backend connected": at(() => memcacheTraffic()),
  "memcache backend data": at(() => memcacheTraffic()),
  "memcache backend error": at(() => memcacheTraffic("backend error")),
  "memcache backend closed": at(() => memcacheTraffic("backend closed")),
  "memcache config change": at(reconfigured),
  "memcache watch error": at(() => reconfigured("watch error")),
  "memcache reload": at(reconfigured),
  "memcache reloaded": at(reconfigured),
  "memcache flush": at(() => memcacheTraffic()),
  "memcache timer": at(() => memcacheTraffic("silent")),
  "memcache names timer": at(followed),
  "memcache names": at(followed),
};
