/** What a connection holds for a client or handler that reads nothing is bounded. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Budget } from "../host/budget.ts";
import { loadIdentity } from "../host/certificates/identity.ts";
import type { ServerExchange } from "../host/http/exchange.ts";
import { createFetchHandler } from "../host/http/fetch-handler.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { chunkCounts } from "./files/chunk-pool.ts";
import { FileService } from "./files/index.ts";
import { startServer } from "./server.ts";
import { openHttp2, VERSIONS } from "./testing/client.ts";
import type { OpenTestClient, TestClient } from "./testing/test-client.ts";

const MB = 1024 * 1024;
/** Concurrent requests on one connection. HTTP/2 allows 256. */
const REQUESTS = 240;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function begin(open: OpenTestClient, handle: (exchange: ServerExchange) => void): Promise<TestClient> {
  const identities = [loadIdentity(localhostIdentity)] as const;
  const server = await startServer({ port: 0, host: "127.0.0.1", identities: [...identities] }, { handle });
  closers.push(() => server.close({ timeout: 0 }));
  const client = await open(server.url);
  closers.push(() => client.close());
  return client;
}

/**
 * Sends requests, and reads no content. Over HTTP/3 the content of some may fill the window before the heads of the others
 * have been sent, so it does not wait for all heads.
 */
function requestWithoutReading(client: TestClient): void {
  for (let i = 0; i < REQUESTS; i += 1) {
    client.request({ path: "/large" }).response.then(
      ({ content }) => content.on("error", () => undefined),
      () => undefined,
    );
  }
}

describe.each(VERSIONS.filter(([version]) => version !== "http/1.1"))("over %s", (_version, open) => {
  test("files are read for a client that reads nothing only up to its connection's limit", async () => {
    const directory = mkdtempSync(join(tmpdir(), "nagare-unread-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    writeFileSync(join(directory, "large"), new Uint8Array(MB));
    const files = new FileService(directory, {}, new Budget());
    const client = await begin(open, files.handle);
    const before = chunkCounts.inUse;
    requestWithoutReading(client);
    const held = (): number => (chunkCounts.inUse - before) * 64 * 1024;
    await vi.waitUntil(() => held() >= 4 * MB, { timeout: 20_000, interval: 20 });
    expect(held()).toBeLessThan(9 * MB);
  });

  test("uploads that no handler reads do not block others", async () => {
    const client = await begin(open, (exchange) => {
      if (exchange.path === "/unread") return;
      let length = 0;
      const read = (): void => {
        for (let chunk = exchange.body.read(); chunk !== undefined; chunk = exchange.body.read())
          length += chunk.length;
        if (exchange.body.state !== "ended") return;
        exchange.respond(200, []);
        exchange.end(new TextEncoder().encode(String(length)));
      };
      exchange.body.onReadable = read;
      read();
    });
    const large = new Uint8Array(MB);
    for (let i = 0; i < 10; i++) client.request({ path: "/unread", method: "POST", body: large });
    const { response } = client.request({ path: "/read", method: "POST", body: large });
    expect(await (await response).text()).toBe(String(MB));
  });
});

test("over h2, handlers' streams are pulled for a client that reads nothing only up to its connection's limit", async () => {
  let pulled = 0;
  const { handle } = createFetchHandler(() => {
    const pull = (controller: ReadableStreamDefaultController): void => {
      pulled += 1;
      controller.enqueue(new Uint8Array(64 * 1024));
    };
    return new Response(new ReadableStream({ pull }));
  });
  const client = await begin(openHttp2, handle);
  requestWithoutReading(client);
  // Every stream produces its first chunk unasked.
  const held = (): number => (pulled - REQUESTS) * 64 * 1024;
  await vi.waitUntil(() => held() >= 4 * MB, { timeout: 20_000, interval: 20 });
  expect(held()).toBeLessThan(9 * MB);
});
