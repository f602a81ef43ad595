/** What tools see of fetch handlers: the channel "nagare.fetch", once for each request in every version, and nothing else. */
import { subscribe, type TracingChannelSubscribers, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import http2 from "node:http2";
import { syncBuiltinESMExports } from "node:module";
import { afterEach, describe, expect, test } from "vitest";
import type { FetchMessage } from "../host/http/fetch-channel.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { serve } from "./serve.ts";
import { deferred } from "./testing/async.ts";
import { VERSIONS } from "./testing/client.ts";
import { storage } from "./testing/contexts.ts";
import type { OpenTestClient, TestClient } from "./testing/test-client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function clientOf(open: OpenTestClient, handler: Handler): Promise<TestClient> {
  const options = { port: 0, host: "127.0.0.1", log: () => undefined, ...localhostIdentity };
  const server = await serve(options, handler);
  closers.push(() => server.close({ timeout: 0 }));
  const client = await open(new URL(`https://127.0.0.1:${server.addresses[0]!.port}`));
  closers.push(() => client.close());
  return client;
}

const channel = tracingChannel<unknown, FetchMessage>("nagare.fetch");

/** Notes the events until the test ends. `ended` resolves with the message of the first request that ended. */
function watch(): { readonly events: string[]; readonly ended: Promise<FetchMessage> } {
  const events: string[] = [];
  const ended = deferred<FetchMessage>();
  const note = (event: string) => (message: FetchMessage) => {
    events.push(`${event} ${new URL(message.request.url).pathname} ${message.response?.status}`);
    if (event === "asyncEnd") ended.resolve(message);
  };
  const names = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
  const listeners = Object.fromEntries(names.map((name) => [name, note(name)])) as never;
  channel.subscribe(listeners as TracingChannelSubscribers<FetchMessage>);
  closers.push(() => channel.unsubscribe(listeners as TracingChannelSubscribers<FetchMessage>));
  return { events, ended: ended.promise };
}

describe.each(VERSIONS)("over %s", (version, open) => {
  test("a request is published from the call of the handler until the response was sent", async () => {
    const { events, ended } = watch();
    const client = await clientOf(open, async () => {
      await undefined;
      return new Response("hello", { status: 201 });
    });
    await (await client.request({ path: "/a" }).response).text();
    const message = await ended;
    expect(message.context.protocol).toBe(version);
    expect(events).toEqual(["start /a undefined", "end /a undefined", "asyncStart /a 201", "asyncEnd /a 201"]);
  });

  test("a handler that throws is an error, with the response that replaces it", async () => {
    const { events, ended } = watch();
    const client = await clientOf(open, () => {
      throw new TypeError("a fault");
    });
    await (await client.request({ path: "/a" }).response).text();
    expect((await ended).error).toMatchObject({ message: "a fault" });
    expect(events).toEqual([
      "start /a undefined",
      "error /a undefined",
      "end /a undefined",
      "asyncStart /a 500",
      "asyncEnd /a 500",
    ]);
  });

  test("an abort ends the request without an error of the handler", async () => {
    const { ended } = watch();
    const client = await clientOf(
      open,
      () => new Response(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array(9)) })),
    );
    const exchange = client.request({ path: "/a" });
    const { content } = await exchange.response;
    await once(
      content.on("error", () => undefined),
      "data",
    );
    exchange.cancel();
    const { request, response } = await ended;
    expect(response?.status).toBe(200);
    expect(request.signal.aborted).toBe(true);
  });

  test("a store bound to the channel is the handler's context", async () => {
    channel.start.bindStore(storage, ({ request }) => new URL(request.url).pathname);
    closers.push(() => channel.start.unbindStore(storage));
    const client = await clientOf(open, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return new Response(storage.getStore());
    });
    const paths = ["/a", "/b", "/c"];
    const texts = paths.map(async (path) => (await client.request({ path }).response).text());
    expect(await Promise.all(texts)).toEqual(paths);
  });

  test("tools that observe Node's servers see nothing of the server beneath", async () => {
    const seen: unknown[] = [];
    const names = ["http.server.request.start", "http.server.response.created", "http.server.response.finish"];
    const listener = (_message: unknown, name: string | symbol): void => void seen.push(name);
    for (const name of names) {
      subscribe(name, listener);
      closers.push(() => unsubscribe(name, listener));
    }
    const { createSecureServer } = http2;
    http2.createSecureServer = ((...given: never[]) => {
      const server = createSecureServer(...given);
      const { emit } = server;
      // As Datadog's tracer does.
      server.emit = (...event: unknown[]) => {
        seen.push(event[0]);
        return emit.apply(server, event as never);
      };
      return server;
    }) as typeof createSecureServer;
    syncBuiltinESMExports();
    closers.push(() => {
      http2.createSecureServer = createSecureServer;
      syncBuiltinESMExports();
    });
    const client = await clientOf(open, () => new Response("hello"));
    expect(await (await client.request({ path: "/" }).response).text()).toBe("hello");
    expect(seen).toEqual([]);
  });
});
