/** Node's diagnostics channels and performance entries: over every version, the same as with node:https. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { IncomingMessage, ServerResponse } from "node:http";
import { type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import type { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { openHttp1, VERSIONS } from "../edge/testing/client.ts";
import type { OpenTestClient } from "../edge/testing/test-client.ts";
import { TUNNEL_KINDS } from "../host/http/testing/tunnel-clients.ts";
import type { Listener } from "../host/node/index.ts";
import { type AnyServer, closers, connect, httpsServer, listening, ownServer } from "./testing/server.ts";

interface Message {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket?: object;
  readonly server?: object;
}

const CHANNELS = ["http.server.request.start", "http.server.response.created", "http.server.response.finish"];

const UPGRADES = TUNNEL_KINDS.filter(([, { protocol }]) => protocol !== undefined);

/** Collects what the channels publish until the test ends. */
function watch(see: (name: string, message: Message) => void): void {
  for (const name of CHANNELS) {
    const listener = (message: unknown): void => see(name, message as Message);
    subscribe(name, listener);
    closers.push(() => unsubscribe(name, listener));
  }
}

const listener: Listener = (request, response) => {
  if (request.url === "/abort") response.write("one ");
  else if (request.url === "/later") setImmediate(() => response.end("later"));
  else request.resume().on("end", () => response.end("hello"));
};

/** What a subscriber and listeners see of one request, in order. */
async function eventsOf(server: AnyServer, open: OpenTestClient, method: string, path: string): Promise<string[]> {
  const log: string[] = [];
  watch((name, { request, response, socket, server: from }) => {
    const facts = [
      request instanceof IncomingMessage && request.url,
      response instanceof ServerResponse && response.req === request,
      socket === undefined ? "no socket" : socket === request.socket,
      from === undefined ? "no server" : from === server,
      response.statusCode,
      response.headersSent,
      response.writableFinished,
    ];
    log.push(`${name} ${facts.join(" ")}`);
  });
  let closed: Promise<unknown> | undefined;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    log.push(`request ${request.url}`);
    response.on("finish", () => log.push("finish"));
    response.on("close", () => log.push("close"));
    closed = once(response, "close");
  });
  server.on("request", listener as never);
  const client = await connect(open, await listening(server));
  const exchange = client.request({ method, path, ...(method === "POST" ? { body: "content" } : {}) });
  if (path === "/abort") {
    const response = await exchange.response;
    await once(
      response.content.once("error", () => undefined),
      "data",
    );
    exchange.cancel();
  } else await (await exchange.response).text();
  await closed;
  return log;
}

describe.each(VERSIONS)("over %s", (_, open) => {
  test.each([
    ["GET", "/"],
    ["GET", "/later"],
    ["POST", "/"],
    ["GET", "/abort"],
  ])("the channels publish a request as with node:https: %s %s", async (method, path) => {
    const expected = await eventsOf(
      httpsServer(() => undefined),
      openHttp1,
      method,
      path,
    );
    for (const close of closers.splice(0).reverse()) await close();
    expect(expected[0]).toMatch(/^http\.server\./);
    expect(await eventsOf(ownServer().server, open, method, path)).toEqual(expected);
  });

  test("each of many requests on one connection is published once", async () => {
    const seen = new Map<string, number>();
    watch((name, { request }) => seen.set(`${name} ${request.url}`, (seen.get(`${name} ${request.url}`) ?? 0) + 1));
    const { server } = ownServer((_request, response) => void response.end("hello"));
    const client = await connect(open, await listening(server));
    const paths = Array.from({ length: 20 }, (_each, index) => `/${index}`);
    await Promise.all(paths.map(async (path) => (await client.request({ path }).response).text()));
    const channels = [...new Set([...seen.keys()].map((key) => key.split(" ")[0]!))];
    expect(channels).toEqual(expect.arrayContaining(["http.server.request.start", "http.server.response.finish"]));
    expect(seen.size).toBe(channels.length * paths.length);
    expect(new Set(seen.values())).toEqual(new Set([1]));
  });

  test("a PerformanceObserver gets one entry for each request", async () => {
    const entries: PerformanceEntry[] = [];
    const observer = new PerformanceObserver((list) => void entries.push(...list.getEntries()));
    observer.observe({ entryTypes: ["http"] });
    closers.push(() => observer.disconnect());
    const { server } = ownServer((_request, response) => void response.writeHead(201).end("hello"));
    const client = await connect(open, await listening(server));
    for (const path of ["/a", "/b"]) await (await client.request({ path }).response).text();
    entries.push(...observer.takeRecords());
    const ofServer = entries.filter(({ name }) => name === "HttpRequest") as (PerformanceEntry & {
      detail: { req: { url: string }; res: { statusCode: number } };
    })[];
    expect(ofServer.map(({ detail }) => `${detail.req.url} ${detail.res.statusCode}`)).toEqual(["/a 201", "/b 201"]);
  });
});

test.each(UPGRADES)("%s is not published, as with node:https", async (_name, kind) => {
  const seen: string[] = [];
  watch((name) => seen.push(name));
  const { server } = ownServer();
  server.on("upgrade", (_request: unknown, socket: Duplex) => {
    seen.push("upgrade");
    socket.end("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n");
  });
  const port = await listening(server);
  const headers = { "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };
  const onClose = (close: () => void): void => void closers.push(close);
  const { status } = await kind.open({ port, protocol: kind.protocol, headers, onClose });
  expect(status).toBe(403);
  expect(seen).toEqual(["upgrade"]);
});

test.each(VERSIONS)("events go through the prototypes' emit, which tracing tools replace, over %s", async (_, open) => {
  const seen: string[] = [];
  for (const { prototype } of [IncomingMessage, ServerResponse]) {
    const { emit } = prototype;
    prototype.emit = function (this: object, ...given: Parameters<typeof emit>): boolean {
      if (hasListener.has(this)) seen.push(`${this.constructor.name} ${String(given[0])}`);
      return emit.apply(this as never, given);
    };
    closers.push(() => {
      // The method is inherited.
      delete (prototype as { emit?: unknown }).emit;
    });
  }
  const hasListener = new Set<object>();
  const { server } = ownServer((request, response) => {
    hasListener.add(request).add(response);
    request.resume().on("end", () => response.end("hello"));
  });
  const client = await connect(open, await listening(server));
  await (await client.request({ method: "POST", body: "content" }).response).text();
  await expect.poll(() => seen).toContain("ServerResponse close");
  expect(seen).toEqual(
    expect.arrayContaining(["IncomingMessage data", "IncomingMessage end", "ServerResponse finish"]),
  );
});
