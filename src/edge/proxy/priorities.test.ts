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
let proxy: Server;
let context: Context | undefined;
let asked: string | null = null;

beforeAll(async () => {
  origin = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity }, (request, given) => {
    context = given;
    asked = request.headers.get("priority");
    if (new URL(request.url).pathname === "/open") {
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }));
    }
    return new Response("ok", { headers: { priority: "u=1" } });
  });
  const service = await createProxy([{ url: `h3://localhost:${origin.port}` }], { rejectUnauthorized: false });
  proxy = await startServer({ port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] }, service);
});
afterAll(async () => {
  await proxy.close({ timeout: 0 });
  await origin.close({ timeout: 0 });
});

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (protocol) => {
  let client: Client;
  beforeAll(() => {
    client = createClient({ protocols: [protocol], ca: localhostIdentity.cert, resolve: () => ["127.0.0.1"] });
  });
  afterAll(() => client.destroy());

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
    } else expect(protocol).not.toBe("h3");
    abort.abort();
    await response.body?.cancel().catch(() => {});
  });
});
