/** File chunks return to their pool in every version of HTTP, however a transfer ends. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { type Server, startServer } from "../server.ts";
import { VERSIONS } from "../testing/client.ts";
import { get, type TestClient, type TestExchange } from "../testing/test-client.ts";
import { chunkCounts } from "./chunk-pool.ts";
import { FileService } from "./service.ts";

const SIZE = 24 * 1024 * 1024;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-chunks-"));
  writeFileSync(join(folder, "big.bin"), Buffer.alloc(SIZE, "chunk"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const allReturned = (): Promise<boolean> =>
  vi.waitUntil(() => chunkCounts.inUse === 0, { timeout: 20_000, interval: 5 });

describe.each(VERSIONS)("chunks of a file over %s", (_version, open) => {
  let server: Server;
  let client: TestClient;

  beforeEach(async () => {
    const identity = loadIdentity(localhostIdentity);
    server = await startServer({ port: 0, host: "127.0.0.1", identities: [identity] }, new FileService(folder));
    client = await open(server.url);
  });
  afterEach(async () => {
    client.close();
    await server.close({ timeout: 0 });
  });

  const begin = async (): Promise<TestExchange> => {
    const exchange = client.request({ path: "/big.bin" });
    const { content } = await exchange.response;
    content.on("error", () => undefined);
    content.read(0);
    await vi.waitUntil(() => content.readableLength > 0, { timeout: 20_000, interval: 5 });
    expect(chunkCounts.inUse).toBeGreaterThan(0);
    return exchange;
  };

  test("are few and reused", async () => {
    const before = chunkCounts.bytesAllocated;
    const response = await get(client, "/big.bin");
    expect((await response.bytes()).length).toBe(SIZE);
    await allReturned();
    expect(chunkCounts.bytesAllocated - before).toBeLessThan(SIZE / 2);
  });

  test("return when the client cancels", async () => {
    const exchange = await begin();
    exchange.cancel();
    await allReturned();
  });

  test("return when the client closes the connection", async () => {
    await begin();
    client.close();
    await allReturned();
  });

  test("return when the server closes the connection", async () => {
    await begin();
    await server.close({ timeout: 0 });
    await allReturned();
  });
});
