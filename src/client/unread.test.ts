/**
 * Unread responses do not block others until their memory limit is reached. After that they use up the connection's
 * flow control credit: the client warns, and continues when they are cancelled.
 */
import { afterEach, expect, test, vi } from "vitest";
import { serve } from "../edge/serve.ts";
import type { ConnectionInfo, HttpVersion } from "../host/http/exchange.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const chunk = new Uint8Array(64 * 1024);

/** Requests endless responses that are not read, then a small one. */
async function begin(protocol: HttpVersion, unread: number) {
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, ({ url }) => {
    if (url.endsWith("/small")) return new Response("small");
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }));
  });
  closers.push(() => server.close({ timeout: 0 }));
  const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const abort = new AbortController();
  for (let i = 0; i < unread; i++) client.fetch(server.url, { signal: abort.signal }).catch(() => undefined);
  const small = client.fetch(new URL("/small", server.url)).then((response) => response.text());
  return { abort, small, origin: server.url.origin };
}

test("over HTTP/3 the client warns once if unread responses above the memory limit block a fetch", async () => {
  const warn = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
  closers.push(() => warn.mockRestore());
  const { abort, small, origin } = await begin("h3", 150);
  await vi.waitUntil(() => warn.mock.calls.length > 0, { timeout: 50_000, interval: 20 });
  abort.abort();
  expect(await small).toBe("small");
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining(`from ${origin} share a connection`), { code: "NAGARE_UNREAD_RESPONSES" }],
  ]);
});

test.each(["h2", "h3"] as const)("over %s a fetch is not blocked by sixty of them", async (protocol) => {
  const { small } = await begin(protocol, 60);
  expect(await small).toBe("small");
});

test("over HTTP/3 a response that arrived completely is read after the server is gone", async () => {
  const whole = "0123456789abcdef".repeat(16_384);
  let connection: ConnectionInfo | undefined;
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, (_request, context) => {
    connection = context.connection;
    return new Response(whole, { headers: { "content-type": "text/plain" } });
  });
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
  closers.push(() => client.destroy());
  const response = await client.fetch(server.url);
  // Everything was sent, and acknowledged.
  const hasArrived = ({ bytesSent, bytesInFlight }: ReturnType<ConnectionInfo["stats"]>): boolean =>
    Number(bytesSent) >= whole.length && bytesInFlight === 0;
  await vi.waitUntil(() => hasArrived(connection!.stats()), { timeout: 20_000 });
  await server.close({ timeout: 0 });
  expect(await response.text()).toBe(whole);
});

test.each(["http/1.1", "h2", "h3"] as const)(
  "over %s a response of unknown length is complete, however slowly it is read",
  async (protocol) => {
    const chunk = new Uint8Array(64 * 1024);
    const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, () => {
      let left = 16;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        if (left-- > 0) controller.enqueue(chunk.slice());
        else controller.close();
      };
      return new Response(new ReadableStream({ pull }));
    });
    closers.push(() => server.close({ timeout: 0 }));
    const client = createClient({ protocols: [protocol], rejectUnauthorized: false });
    closers.push(() => client.destroy());
    const response = await client.fetch(server.url);
    const reader = response.body!.getReader();
    let total = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      total += next.value.byteLength;
      // A few turns of the event loop, in which the rest of the response arrives.
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    }
    expect(total).toBe(16 * chunk.byteLength);
  },
);
