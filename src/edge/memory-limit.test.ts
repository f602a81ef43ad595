/** A memory limit for all connections. It closes those that read nothing, over every version. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../host/certificates/identity.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { startServer } from "./server.ts";
import { VERSIONS } from "./testing/client.ts";
import { get } from "./testing/test-client.ts";

const MB = 1024 * 1024;
const CHUNK = new Uint8Array(256 * 1024);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(VERSIONS)("over %s", (_version, open) => {
  test("clients that read nothing are disconnected above the memory limit, and others are served", async () => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    let held = 0;
    const server = await startServer(
      {
        port: 0,
        host: "127.0.0.1",
        identities: [loadIdentity(localhostIdentity)],
        stallTimeout: Number.POSITIVE_INFINITY,
        memoryLimit: 8 * MB,
      },
      {
        handle: (exchange) => {
          exchange.respond(200, []);
          if (exchange.path !== "/endless") {
            exchange.end(CHUNK);
            return;
          }
          const fill = (): void => {
            for (let goesOn = true; goesOn; ) {
              held += CHUNK.byteLength;
              goesOn = exchange.write(CHUNK, () => (held -= CHUNK.byteLength));
            }
          };
          exchange.onDrain = fill;
          fill();
        },
      },
    );
    closers.push(() => server.close({ timeout: 0 }));
    for (let i = 0; i < 64; i++) {
      const client = await open(server.url);
      closers.push(() => client.close());
      const { content } = await client.request({ path: "/endless" }).response;
      content.on("error", () => undefined);
    }
    await vi.waitUntil(() => held <= 8 * MB, { timeout: 20_000, interval: 20 });
    const client = await open(server.url);
    closers.push(() => client.close());
    expect((await (await get(client, "/")).bytes()).length).toBe(CHUNK.byteLength);
    expect(held).toBeGreaterThan(0);
  });
});
