/** A response head is sent without waiting for content (server-sent events, long polling), directly and through the proxy. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { loadIdentity } from "../host/certificates/identity.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createProxy } from "./proxy/index.ts";
import { serve } from "./serve.ts";
import { startServer } from "./server.ts";
import { deferred } from "./testing/async.ts";
import { VERSIONS } from "./testing/client.ts";
import type { TestClient } from "./testing/test-client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that sends a head immediately, and the content "later" after `go`. */
interface Setup {
  readonly url: URL;
  readonly go: () => void;
}

async function direct(): Promise<Setup> {
  const go = deferred<void>();
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, () => {
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await go.promise;
        controller.enqueue(new TextEncoder().encode("later"));
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  closers.push(() => server.close({ timeout: 0 }));
  return { url: server.url, go: () => go.resolve() };
}

async function proxied(): Promise<Setup> {
  const go = deferred<void>();
  const origin = createServer(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    await go.promise;
    response.end("later");
  });
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  closers.push(() => {
    origin.closeAllConnections();
    origin.close();
  });
  const proxy = await createProxy([`http://127.0.0.1:${(origin.address() as AddressInfo).port}`]);
  const server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] },
    proxy,
  );
  closers.push(() => server.close({ timeout: 0 }));
  return { url: server.url, go: () => go.resolve() };
}

describe.each(VERSIONS)("over %s", (_version, open) => {
  describe.each([
    ["from a handler", direct],
    ["through the proxy", proxied],
  ] as const)("%s", (_from, setUp) => {
    async function start(): Promise<{ client: TestClient; go: () => void }> {
      const { url, go } = await setUp();
      const client = await open(url);
      closers.push(() => client.close());
      return { client, go };
    }

    test("the head arrives before there is content", async () => {
      const { client, go } = await start();
      const response = await client.request({}).response;
      expect([response.status, response.headers["content-type"]]).toEqual([200, "text/event-stream"]);
      go();
      expect(await response.text()).toBe("later");
    });

    test("HEAD gets a response before there is content", async () => {
      const { client } = await start();
      const response = await client.request({ method: "HEAD" }).response;
      expect([response.status, await response.text()]).toEqual([200, ""]);
    });
  });
});
