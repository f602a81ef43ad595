/** The proxy on sockets: TCP, TLS and Unix sockets on both sides, restarts of backends, new configurations, and memcached itself. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { BackendSettings, MemcacheConfig } from "../../memcache/config/config.ts";
import { FakeBackend } from "../../memcache/testing/fake-backend.ts";
import { localhostIdentity } from "../http/testing/identities.ts";
import { MemcacheServer, type MemcacheServerOptions } from "./server.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const [cert, key] = [String(localhostIdentity.cert), String(localhostIdentity.key)];

/** A backend whose connections can be cut. */
class Backend {
  readonly store = new FakeBackend();
  readonly sockets = new Set<Socket>();
  readonly server: Server;

  constructor(tls = false) {
    const accept = (socket: Socket): void => {
      this.sockets.add(socket);
      socket.on("error", () => {}).on("close", () => this.sockets.delete(socket));
      socket.on("data", (bytes) => socket.write(this.store.handle(bytes)));
    };
    this.server = tls
      ? createTlsServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: true }, accept)
      : createServer(accept);
    closers.push(() => this.stop());
  }

  async start(target: { port: number } | { path: string } = { port: 0 }): Promise<number> {
    this.server.listen("port" in target ? { ...target, host: "127.0.0.1" } : target);
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.close();
    this.cut();
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function proxyWith(config: MemcacheConfig, options: Partial<MemcacheServerOptions> = {}): MemcacheServer {
  const proxy = new MemcacheServer({ version: "0", ...options });
  closers.push(() => proxy.close());
  proxy.configure(config);
  return proxy;
}

const one = (backend: Partial<BackendSettings>): MemcacheConfig => ({
  pools: { a: { backends: [{ host: "127.0.0.1", retryTimeout: 0.02, ...backend }] } },
  routes: { default: "a" },
});

async function isUp(proxy: MemcacheServer): Promise<void> {
  await vi.waitUntil(() => proxy.proxy.plan.backends.every(({ connections }) => connections[0]!.state === "ready"), {
    timeout: 10_000,
    interval: 5,
  });
}

class Client {
  readonly socket: Socket;
  #received = "";

  constructor(socket: Socket) {
    this.socket = socket;
    closers.push(() => socket.destroy());
    socket
      .on("error", () => {})
      .on("data", (bytes) => {
        this.#received += bytes.toString("latin1");
      });
  }

  /** Sends bytes, and returns the answers up to that to a last command. */
  async ask(bytes: string): Promise<string> {
    this.#received = "";
    this.socket.write(`${bytes}mn\r\n`, "latin1");
    await vi.waitUntil(() => this.#received.endsWith("MN\r\n"), { timeout: 10_000, interval: 2 });
    return this.#received.slice(0, -4);
  }
}

const dial = (address: string): Client => new Client(connect(Number(address.split(":").at(-1)), "127.0.0.1"));

const EXCHANGE = ["set a 0 0 2\r\nhi\r\nget a\r\n", "STORED\r\nVALUE a 0 2\r\nhi\r\nEND\r\n"] as const;

describe("clients and backends", () => {
  test("over TCP", async () => {
    const proxy = proxyWith(one({ port: await new Backend().start() }));
    expect(await dial(await proxy.listen({ port: 0 })).ask(EXCHANGE[0])).toBe(EXCHANGE[1]);
    expect(proxy.clients).toBe(1);
  });

  test("over Unix sockets", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nagare-memcache-"));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    await new Backend().start({ path: join(folder, "backend") });
    const proxy = proxyWith(one({ host: join(folder, "backend") }));
    const path = await proxy.listen({ path: join(folder, "proxy") });
    expect(await new Client(connect(path)).ask(EXCHANGE[0])).toBe(EXCHANGE[1]);
  });

  test("over TLS, with certificates on both sides", async () => {
    const port = await new Backend(true).start();
    const backendTls = { ca: cert, cert, key, serverName: "localhost" };
    const proxy = proxyWith(one({ port, tls: true }), { backendTls });
    const address = await proxy.listen({
      port: 0,
      tls: { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true },
    });
    const target = { port: Number(address.split(":")[1]), host: "127.0.0.1", ca: cert, servername: "localhost" };
    expect(await new Client(connectTls({ ...target, cert, key })).ask(EXCHANGE[0])).toBe(EXCHANGE[1]);
    const refused = connectTls(target);
    refused.on("error", () => {}).resume();
    await new Promise((resolve) => refused.on("close", resolve));
  });

  test("a backend with a certificate of nobody is not used", async () => {
    const proxy = proxyWith(one({ port: await new Backend(true).start(), tls: true }));
    const client = dial(await proxy.listen({ port: 0 }));
    await vi.waitUntil(() => proxy.proxy.badBackends().length === 1, { timeout: 10_000 });
    expect(await client.ask("get a\r\n")).toBe("SERVER_ERROR backend failure\r\n");
  });

  test("a client that ends after its requests gets its answers", async () => {
    const proxy = proxyWith(one({ port: await new Backend().start() }));
    const address = await proxy.listen({ port: 0 });
    const socket = connect({ port: Number(address.split(":")[1]), host: "127.0.0.1", allowHalfOpen: true });
    const received: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => received.push(bytes));
    socket.end(EXCHANGE[0]);
    await once(socket, "end");
    expect(Buffer.concat(received).toString()).toBe(EXCHANGE[1]);
    socket.destroy();
  });

  test("clients above the limit are refused", async () => {
    const proxy = proxyWith(one({ port: 1, down: true }), { maxConnections: 1 });
    const address = await proxy.listen({ port: 0 });
    await dial(address).ask("");
    const second = connect(Number(address.split(":")[1]), "127.0.0.1");
    const [bytes] = (await once(second, "data")) as [Buffer];
    expect(bytes.toString()).toBe("ERROR Too many open connections\r\n");
    second.destroy();
  });
});

describe("a backend that goes and comes back", () => {
  test("costs a read on an idle connection nothing", async () => {
    const backend = new Backend();
    const proxy = proxyWith(one({ port: await backend.start() }));
    const client = dial(await proxy.listen({ port: 0 }));
    await client.ask(EXCHANGE[0]);
    for (let i = 0; i < 10; i += 1) {
      backend.cut();
      expect(await client.ask("get a\r\n")).toBe("VALUE a 0 2\r\nhi\r\nEND\r\n");
    }
  });

  test("is used again when it has proved that it is up", async () => {
    const backend = new Backend();
    const port = await backend.start();
    const proxy = proxyWith(one({ port }));
    const client = dial(await proxy.listen({ port: 0 }));
    await isUp(proxy);
    backend.stop();
    await vi.waitUntil(() => proxy.proxy.badBackends().length === 1, { timeout: 10_000 });
    expect(await client.ask("get a\r\n")).toBe("SERVER_ERROR backend failure\r\n");
    await new Backend().start({ port });
    await isUp(proxy);
    expect(await client.ask("get a\r\n")).toBe("END\r\n");
  });
});

test("a new configuration keeps clients and unchanged backends; one that cannot be used changes nothing", async () => {
  const [first, second] = [new Backend(), new Backend()];
  const config = one({ port: await first.start() });
  const proxy = proxyWith(config);
  const client = dial(await proxy.listen({ port: 0 }));
  await client.ask(EXCHANGE[0]);
  const [socket] = first.sockets;
  const other = { backends: [{ host: "127.0.0.1", port: await second.start() }] };
  proxy.configure({ pools: { ...config.pools, b: other }, routes: { map: { b: "b" }, default: "a" } });
  expect(await client.ask("get a\r\nget b/x\r\n")).toBe("VALUE a 0 2\r\nhi\r\nEND\r\nEND\r\n");
  expect([...first.sockets]).toEqual([socket]);
  expect(() => proxy.configure({ ...config, routes: { default: "none" } })).toThrow('there is no pool "none"');
  expect(await client.ask("get b/x\r\n")).toBe("END\r\n");
});

const hasMemcached = spawnSync("memcached", ["-V"]).status === 0;

describe.skipIf(!hasMemcached)("memcached itself (skipped if it is not installed)", () => {
  test("answers through the proxy as it answers directly", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nagare-memcached-"));
    const children: ChildProcess[] = [];
    closers.push(
      () => rmSync(folder, { recursive: true, force: true }),
      () => children.map((child) => child.kill("SIGKILL")),
    );
    const [path, direct] = [join(folder, "a"), join(folder, "b")];
    for (const socket of [path, direct]) {
      children.push(spawn("memcached", ["-u", userInfo().username, "-U", "0", "-m", "16", "-t", "1", "-s", socket]));
    }
    const proxy = proxyWith(one({ host: path }));
    const client = dial(await proxy.listen({ port: 0 }));
    await isUp(proxy);
    let reference = new Client(connect(direct));
    await vi.waitUntil(
      () => {
        if (reference.socket.destroyed) reference = new Client(connect(direct));
        return reference.socket.readyState === "open";
      },
      { timeout: 10_000 },
    );
    const value = "x".repeat(300_000);
    for (const commands of [
      `set a 5 0 ${value.length}\r\n${value}\r\ngets a\r\nget a none a\r\ntouch a 100\r\ngat 0 a\r\n`,
      "set n 0 0 1\r\n7\r\nincr n 5\r\ndecr n 100\r\nincr a 1\r\nincr none 1\r\nappend n 0 0 1\r\n1\r\nget n\r\n",
      "add n 0 0 1\r\n1\r\nreplace none 0 0 1\r\n1\r\ncas n 0 0 1 99999\r\n1\r\ndelete n\r\ndelete n\r\n",
      "ms m 2 T0 F3 c\r\nhi\r\nmg m v t f k s O123\r\nmg none v\r\nma c N0 J13 v\r\nma c D4 v\r\nmd m q\r\nmg m v\r\n",
      `mg ${Buffer.from("binary key").toString("base64")} b v k\r\nms bad 2 X\r\nhi\r\n`,
    ]) {
      expect(await client.ask(commands)).toBe(await reference.ask(commands));
    }
  });
});
