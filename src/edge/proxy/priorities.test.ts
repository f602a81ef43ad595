/** Priorities (RFC 9218) through the proxy: the fields in both directions, and PRIORITY_UPDATE. */

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Client, createClient, type Priority } from "../../client/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import type { Context } from "../../host/http/fetch-context.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import { type Server, startServer } from "../server.ts";
import { createProxy } from "./service.ts";

let origin: Server;
let context: Context | undefined;
let asked: string | null = null;

beforeAll(async () => {
  const options = { port: 0, host: "127.0.0.1", http2PriorityUpdate: true, ...localhostIdentity };
  origin = await serve(options, (request, given) => {
    context = given;
    asked = request.headers.get("priority");
    if (new URL(request.url).pathname === "/open") {
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }));
    }
    return new Response("ok", { headers: { priority: "u=1" } });
  });
});
afterAll(() => origin.close({ timeout: 0 }));

describe.each([
  ["http/1.1", "h3"],
  ["h2", "h3"],
  ["h3", "h3"],
  ["h2", "h2"],
  ["h3", "h2"],
] as const)("over %s, to an origin over %s", (protocol, behind) => {
  let proxy: Server;
  let client: Client;
  beforeAll(async () => {
    const service = await createProxy([{ url: `${behind}://localhost:${origin.port}` }], {
      rejectUnauthorized: false,
      http2PriorityUpdate: true,
    });
    const identities = [loadIdentity(localhostIdentity)] as const;
    proxy = await startServer({ port: 0, host: "127.0.0.1", identities, http2PriorityUpdate: true }, service);
    const resolve = () => ["127.0.0.1"];
    client = createClient({ protocols: [protocol], ca: localhostIdentity.cert, resolve, http2PriorityUpdate: true });
  });
  afterAll(async () => {
    await client.destroy();
    await proxy.close({ timeout: 0 });
  });

  test.each([
    [{}, null],
    [{ priority: "u=5, i, x=1" }, "u=5, i, x=1"],
  ])("%j is passed on as it is, and so is the response's", async (headers, expected) => {
    const response = await client.fetch(`https://localhost:${proxy.port}/`, { headers });
    await response.text();
    expect([asked, response.headers.get("priority")]).toEqual([expected, "u=1"]);
  });

  test("what a client changes reaches the origin, if it can say so", async () => {
    const abort = new AbortController();
    const url = `https://localhost:${proxy.port}/open`;
    const response = await client.fetch(url, { priority: { urgency: 6 }, signal: abort.signal });
    const before = context!.priority;
    expect(before.urgency).toBe(6);
    if (client.reprioritize(response, { urgency: 0, incremental: true })) {
      const after: Priority = { urgency: 0, incremental: true };
      await vi.waitUntil(() => context!.priority.urgency === after.urgency, { timeout: 10_000, interval: 10 });
      expect(context!.priority).toEqual(after);
    } else expect(protocol).toBe("http/1.1");
    abort.abort();
    await response.body?.cancel().catch(() => {});
  });
});
