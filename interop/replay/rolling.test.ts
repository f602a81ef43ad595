/** The rolling restart, small and in one process: `npm run replay` is the large one. */

import { afterEach, expect, test } from "vitest";
import { createProxy } from "../../src/edge/proxy/index.ts";
import { serve } from "../../src/edge/serve.ts";
import { type Server, startServer } from "../../src/edge/server.ts";
import { loadIdentity } from "../../src/host/certificates/identity.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { digestOf } from "./handler.ts";
import { type Restartable, rollingRestart } from "./rolling.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

class Origin implements Restartable {
  #server!: Server;

  get port(): number {
    return this.#server.port;
  }

  async start(port = 0): Promise<this> {
    const handBack = { trusted: ["127.0.0.0/8"], memory: 10_000 };
    const options = {
      port,
      host: "127.0.0.1",
      tls: localhostIdentity,
      protocols: ["h2", "http/1.1"] as const,
      handBack,
    };
    this.#server = await serve({ ...options, log: () => {} }, digestOf);
    return this;
  }

  async restart(): Promise<void> {
    const { port } = this;
    await this.#server.close({ timeout: 10_000 });
    await this.start(port);
  }

  stop(): Promise<void> {
    return this.#server.close({ timeout: 0 });
  }
}

test("no upload fails while three origins restart in a loop", async () => {
  const origins = await Promise.all([1, 2, 3].map(() => new Origin().start()));
  for (const origin of origins) closers.push(() => origin.stop());
  const proxy = await createProxy(
    origins.map(({ port }) => `https://127.0.0.1:${port}`),
    {
      partialPostReplay: { maxReplays: 100, memory: 10_000 },
      retry: { attempts: 50 },
      rejectUnauthorized: false,
      log: () => {},
    },
  );
  const edge = await startServer({ port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] }, proxy);
  closers.push(() => edge.close({ timeout: 0 }));
  const result = await rollingRestart({
    clients: 6,
    bytes: 2_000_000,
    origins,
    edge: { url: edge.url.href, stop: async () => undefined },
    pause: 20,
    maxRestarts: 6,
    protocols: ["http/1.1", "h2", "h3"],
    log: () => {},
  });
  expect(result).toMatchObject({ uploads: 6, failures: [] });
  expect(result.restarts).toBeGreaterThan(0);
});
