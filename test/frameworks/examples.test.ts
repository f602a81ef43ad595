/** Each program starts, and responds over HTTP/1.1, HTTP/2 and HTTP/3. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "nagare/client";
import type { Server } from "nagare/node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { TUNNEL_KINDS } from "../../src/host/http/testing/tunnel-clients.ts";

const VERSIONS = [
  ["http/1.1", "1.1"],
  ["h2", "2.0"],
  ["h3", "3.0"],
] as const;

const closers: (() => unknown)[] = [];
const cache = mkdtempSync(join(tmpdir(), "nagare-examples-"));

beforeAll(() => {
  vi.stubEnv("PORT", "0");
  vi.stubEnv("XDG_CACHE_HOME", cache); // where the development certificate is kept
  vi.spyOn(console, "log").mockImplementation(() => undefined);
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(cache, { recursive: true, force: true });
});

async function started(load: () => Promise<{ readonly server: Server }>): Promise<number> {
  const { server } = await load();
  if (!server.listening) await once(server, "listening");
  closers.push(() => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    return closed;
  });
  return server.address()!.port;
}

function connect(protocol: (typeof VERSIONS)[number][0]): Client {
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  closers.push(() => client.destroy());
  return client;
}

describe.each([
  ["Express", () => import("../../examples/express/main.ts")],
  ["Fastify", () => import("../../examples/fastify/main.ts")],
  ["Koa", () => import("../../examples/koa/main.ts")],
])("%s", (name, load) => {
  test("says hello and echoes over every version", async () => {
    const port = await started(load);
    for (const [protocol, version] of VERSIONS) {
      const client = connect(protocol);
      const at = (path: string) => `https://localhost:${port}${path}`;
      expect(await (await client.fetch(at("/"))).text()).toBe(`hello from ${name} over HTTP/${version}\n`);
      const echo = { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":[1,2]}' };
      expect(await (await client.fetch(at("/echo"), echo)).json()).toEqual({ a: [1, 2] });
    }
  });
});

test("the chat serves its page and its welcome message over every version", async () => {
  const port = await started(() => import("../../examples/ws-chat/main.ts"));
  for (const [protocol, version] of VERSIONS) {
    const page = await connect(protocol).fetch(`https://localhost:${port}/`);
    expect(await page.text()).toContain("<title>Chat</title>");
    const [, kind] = TUNNEL_KINDS.find(([, each]) => each.version === protocol && each.protocol !== undefined)!;
    const { stream } = await kind.open({
      port,
      protocol: kind.protocol,
      headers: {
        "sec-websocket-version": "13",
        ...(protocol === "http/1.1" ? { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" } : {}),
      },
      onClose: (close) => closers.push(close),
    });
    let text = "";
    stream.on("data", (part: Buffer) => {
      text += part.toString("latin1");
    });
    await expect.poll(() => text).toContain(`welcome, over HTTP/${version}`);
  }
});
