/** Priorities (RFC 9218) as handlers and clients see them, over every version of HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, createClient, type Priority } from "../client/index.ts";
import type { Context } from "../host/http/fetch-context.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type Server, serve } from "./index.ts";

let server: Server;
let origin: string;
/** What the handler of each path saw, and its context. */
const seen = new Map<string, { readonly before: Priority; readonly context: Context }>();

beforeAll(async () => {
  const options = { port: 0, host: "127.0.0.1", http2PriorityUpdate: true, ...localhostIdentity };
  server = await serve(options, async (request, context) => {
    const { pathname, searchParams } = new URL(request.url);
    seen.set(pathname, { before: context.priority, context });
    const set = searchParams.get("set");
    if (set !== null) context.priority = JSON.parse(set) as Partial<Priority>;
    const own = searchParams.get("field");
    const headers = own === null ? {} : { priority: own };
    if (pathname === "/count") return new Response(String((await request.arrayBuffer()).byteLength));
    if (pathname.startsWith("/open")) return new Response(endless(), { headers });
    return new Response(JSON.stringify(context.priority), { headers });
  });
  origin = `https://localhost:${server.addresses[0]!.port}`;
});

afterAll(() => server.close({ timeout: 0 }));

const endless = (): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) });

const resolve = (): readonly string[] => ["127.0.0.1"];

describe.each([
  ["http/1.1", true],
  ["h2", false],
  ["h2", true],
  ["h3", false],
] as const)("over %s, http2PriorityUpdate %s", (protocol, http2PriorityUpdate) => {
  let client: Client;
  beforeAll(() => {
    client = createClient({ protocols: [protocol], ca: localhostIdentity.cert, resolve, http2PriorityUpdate });
  });
  afterAll(() => client.destroy());

  test.each([
    ["nothing", undefined, {}, { urgency: 3, incremental: false }],
    ["members", { urgency: 1, incremental: true }, {}, { urgency: 1, incremental: true }],
    ["a word", "low", {}, { urgency: 5, incremental: false }],
    ["a field", undefined, { priority: "u=0, i" }, { urgency: 0, incremental: true }],
    ["members instead of a field", { urgency: 2 }, { priority: "u=0, i" }, { urgency: 2, incremental: false }],
    ["a word instead of a field", "auto", { priority: "u=0, i" }, { urgency: 3, incremental: false }],
    ["a broken field", undefined, { priority: "u=0, i,," }, { urgency: 3, incremental: false }],
  ] as const)("a handler reads %s", async (_what, priority, headers, expected) => {
    const response = await client.fetch(`${origin}/read`, { headers, ...(priority === undefined ? {} : { priority }) });
    expect(await response.json()).toEqual(expected);
    expect(response.headers.get("priority")).toBeNull();
  });

  test("what a handler sets is merged, and sent", async () => {
    const url = (query: string) => `${origin}/set?${query}`;
    const set = encodeURIComponent(JSON.stringify({ urgency: 1 }));
    const response = await client.fetch(url(`set=${set}`), { priority: { urgency: 6, incremental: true } });
    expect(await response.json()).toEqual({ urgency: 1, incremental: true });
    expect(response.headers.get("priority")).toBe("u=1");
    const own = await client.fetch(url(`set=${set}&field=${encodeURIComponent("u=7, i=?0")}`));
    await own.arrayBuffer();
    expect(own.headers.get("priority")).toBe("u=7, i=?0");
  });

  test("a client changes the priority of a response that is arriving", async () => {
    const abort = new AbortController();
    const path = `/open-${protocol}`;
    const response = await client.fetch(origin + path, { priority: { urgency: 6 }, signal: abort.signal });
    const { before, context } = seen.get(path)!;
    expect(before).toEqual({ urgency: 6, incremental: false });
    expect(() => client.reprioritize(response, { urgency: 9 })).toThrow(/invalid urgency 9/);
    const isSent = client.reprioritize(response, { urgency: 0, incremental: true });
    expect(isSent).toBe(protocol === "h3" || (protocol === "h2" && http2PriorityUpdate));
    // A later request comes after the frame on the same connection, unless a packet is lost.
    for (let i = 0; i < 10 && isSent && context.priority.urgency === 6; i += 1)
      await (await client.fetch(`${origin}/after`)).text();
    expect(context.priority).toEqual(isSent ? { urgency: 0, incremental: true } : before);
    context.priority = { urgency: 4 };
    expect(context.priority.urgency).toBe(4);
    abort.abort();
    await response.body?.cancel().catch(() => {});
    expect(client.reprioritize(response, "high")).toBe(false);
  });

  test("changes leave between the frames of content that is on its way", async () => {
    const abort = new AbortController();
    const path = `/open-beside-${protocol}`;
    const response = await client.fetch(origin + path, { priority: { urgency: 6 }, signal: abort.signal });
    const lengths = await Promise.all(
      [1, 2, 3].map(async (count) => {
        const sent = client.fetch(`${origin}/count`, { method: "POST", body: new Uint8Array(count * 100_000) });
        const isSent = client.reprioritize(response, { urgency: count });
        const length = Number(await (await sent).text());
        client.reprioritize(response, { urgency: 7 });
        return [length, isSent];
      }),
    );
    const isSent = client.reprioritize(response, { urgency: 1 });
    expect(lengths).toEqual([100_000, 200_000, 300_000].map((length) => [length, isSent]));
    abort.abort();
    await response.body?.cancel().catch(() => {});
  });

  test("an urgency that does not exist cannot be sent or set", async () => {
    await expect(client.fetch(origin, { priority: { urgency: 8 } })).rejects.toThrow(/invalid urgency 8/);
    await expect(client.fetch(origin, { priority: "urgent" as "high" })).rejects.toThrow(/unknown priority "urgent"/);
    await (await client.fetch(`${origin}/read`)).text();
    const { context } = seen.get("/read")!;
    expect(() => {
      context.priority = { urgency: -1 };
    }).toThrow(RangeError);
  });
});
