import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { type Duplex, Readable } from "node:stream";
import { request } from "undici";
import { beforeEach, describe, expect, test } from "vitest";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createServer } from "../node/index.ts";
import { onEnd, openAgent, openWorld, PROTOCOLS, type World } from "./testing/world.ts";

interface Published {
  readonly origin: string;
  readonly method: string;
  readonly path: string;
  readonly headers: (string | string[])[];
  readonly completed: boolean;
  readonly aborted: boolean;
  addHeader(name: string, value: string): unknown;
}
interface Message {
  readonly request: Published;
  readonly response: { statusCode: number; statusText: string; headers: Buffer[] };
  readonly trailers: Buffer[];
  readonly error: Error;
  readonly chunk: Uint8Array;
  readonly headers: string;
  readonly socket: { remoteAddress: string; remotePort: number };
  readonly connectParams: { hostname: string; version: string };
}

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

/** Listens until the test ends. */
function listen(name: string, listener: (message: Message) => void): void {
  const each = (message: unknown): void => listener(message as Message);
  subscribe(name, each);
  onEnd(async () => unsubscribe(name, each));
}

const REQUEST_CHANNELS = ["create", "bodyChunkSent", "bodySent", "headers", "bodyChunkReceived", "trailers", "error"];

/** The names of the request channels, in the order of their messages. */
function record(): { names: string[]; messages: Message[] } {
  const names: string[] = [];
  const messages: Message[] = [];
  for (const name of REQUEST_CHANNELS) {
    listen(`undici:request:${name}`, (message) => {
      names.push(name);
      messages.push(message);
    });
  }
  return { names, messages };
}

describe.each(PROTOCOLS)("undici's channels over %s", (protocol) => {
  const open = () => openAgent({ protocols: [protocol] });

  test("each request is published once, as one object, in the documented order", async () => {
    const { names, messages } = record();
    const options = { dispatcher: open(), method: "POST", body: "hello", query: { a: "1" } } as const;
    const { body } = await request(`${world.url}/echo`, { ...options, headers: { "X-Case": "kept" } });
    await body.text();
    expect(names).toEqual(["create", "bodyChunkSent", "bodySent", "headers", "bodyChunkReceived", "trailers"]);
    expect(new Set(messages.map((message) => message.request)).size).toBe(1);
    const published = messages[0]!.request;
    expect(published).toMatchObject({ origin: world.url, method: "POST", path: "/echo?a=1", completed: true });
    expect(published.headers).toEqual(["X-Case", "kept"]);
    const { response } = messages.find((message) => message.response !== undefined)!;
    expect(response.statusCode).toBe(200);
    expect(response.headers.map(String)).toContain("x-path");
    expect(messages.at(-1)!.trailers).toEqual([]);
  });

  test("a listener of create adds headers, and changes those that are there", async () => {
    listen("undici:request:create", ({ request: created }) => {
      created.addHeader("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
      created.headers[created.headers.indexOf("baggage") + 1] = "a=1,b=2";
    });
    const { body } = await request(`${world.url}/echo`, { dispatcher: open(), headers: { baggage: "a=1" } });
    await body.text();
    const { headers } = world.seen[0]!;
    expect(headers.get("traceparent")).toBe("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    expect(headers.get("baggage")).toBe("a=1,b=2");
  });

  test("create is published in the caller's asynchronous context", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    listen("undici:request:create", () => seen.push(storage.getStore()));
    const dispatcher = open();
    const ask = async (name: string) =>
      storage.run(name, async () => (await request(`${world.url}/echo`, { dispatcher })).body.dump());
    await Promise.all([ask("one"), ask("two"), ask("three")]);
    expect(seen).toEqual(["one", "two", "three"]);
  });

  test("sendHeaders names the peer", async () => {
    const sent: Message[] = [];
    listen("undici:client:sendHeaders", (message) => sent.push(message));
    await (await request(`${world.url}/echo`, { dispatcher: open(), headers: { "x-a": "b" } })).body.dump();
    expect(sent).toHaveLength(1);
    expect(sent[0]!.headers).toContain("x-a: b\r\n");
    expect(sent[0]!.socket).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: Number(new URL(world.url).port) });
  });

  test("each connection is published once, with its protocol", async () => {
    const connected: Message[] = [];
    listen("undici:client:connected", (message) => connected.push(message));
    const dispatcher = open();
    for (let i = 0; i < 2; i++) await (await request(`${world.url}/echo`, { dispatcher })).body.text();
    const version = protocol === "http/1.1" ? "h1" : protocol;
    expect(connected.map((message) => message.connectParams)).toMatchObject([{ hostname: "localhost", version }]);
  });

  test("an aborted request is published as an error, and not as completed", async () => {
    const { names, messages } = record();
    const reason = new Error("changed my mind");
    const abort = new AbortController();
    const { body } = await request(`${world.url}/stalls`, { dispatcher: open(), signal: abort.signal });
    abort.abort(reason);
    await expect(body.text()).rejects.toBe(reason);
    expect(names.filter((name) => name !== "bodyChunkReceived")).toEqual(["create", "bodySent", "headers", "error"]);
    const aborted = { error: { name: "AbortError" }, request: { completed: false, aborted: true } };
    expect(messages.at(-1)).toMatchObject(aborted);
  });

  test("a body that fails is published as an error", async () => {
    const { names } = record();
    const failed = new Error("disk gone");
    const body = new Readable({ read: () => body.destroy(failed) });
    await expect(request(`${world.url}/echo`, { dispatcher: open(), method: "POST", body })).rejects.toBe(failed);
    expect(names).toEqual(["create", "error"]);
  });
});

test("a failed connection is published, with the request's error", async () => {
  const { names } = record();
  const failures: Message[] = [];
  listen("undici:client:connectError", (message) => failures.push(message));
  await expect(request("https://localhost:1/", { dispatcher: openAgent({ protocols: ["h2"] }) })).rejects.toThrow();
  expect(failures).toMatchObject([{ connectParams: { hostname: "localhost" }, error: { code: "ECONNREFUSED" } }]);
  expect(names).toEqual(["create", "error"]);
});

test.each(PROTOCOLS)("an upgrade over %s is published as complete", async (protocol) => {
  const server = createServer({ ...(localhostIdentity as { cert: string; key: string }) });
  server.on("upgrade", (_request, socket: Duplex) => {
    socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onEnd(async () => server.close());
  const { names, messages } = record();
  const origin = `https://localhost:${(server.address() as { port: number }).port}`;
  const dispatcher = openAgent({ protocols: [protocol] });
  const { socket } = await dispatcher.upgrade({ origin, path: "/", protocol: "echo" } as never);
  socket.resume().end();
  await once(socket, "close");
  expect(names.filter((name) => name !== "bodySent")).toEqual(["create", "headers", "trailers"]);
  expect(messages[0]!.request).toMatchObject({ upgrade: "echo", completed: true });
});
