/** Each program of examples/ gives the same responses over HTTP/1.1, HTTP/2 and HTTP/3 as on node:https. */
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  createTRPCClient,
  httpBatchStreamLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCClientError,
} from "@trpc/client";
import { EventSource } from "eventsource";
import { WebTransport } from "nagare/webtransport";
import { describe, expect, test } from "vitest";
import { Chat } from "../../examples/connect/chat_pb.ts";
import type { AppRouter } from "../../examples/trpc/router.ts";
import { TUNNEL_KINDS } from "../../src/host/http/testing/tunnel-clients.ts";
import {
  type Asking,
  answerOf,
  askingOf,
  closeLater,
  connect,
  Inbox,
  sameOnNodeHttps,
  start,
  VERSIONS,
} from "./programs.ts";

const JSON_TYPE = { "content-type": "application/json" };

const echo = (fetch: Asking["fetch"], url: string) =>
  fetch(`${url}/echo`, { method: "POST", headers: JSON_TYPE, body: '{"a":[1,2]}' });

describe.each([
  ["Express", () => import("../../examples/express/main.ts")],
  ["Fastify", () => import("../../examples/fastify/main.ts")],
  ["Koa", () => import("../../examples/koa/main.ts")],
])("%s", (name, load) => {
  test("says hello and echoes over every version", async () => {
    await sameOnNodeHttps(load, async ({ fetch, url, httpVersion }) => {
      expect(await (await fetch(`${url}/`)).text()).toBe(`hello from ${name} over HTTP/${httpVersion}\n`);
      const response = await echo(fetch, url);
      expect(await response.clone().json()).toEqual({ a: [1, 2] });
      return answerOf(response);
    });
  });
});

test("Hono says hello and echoes over every version", async () => {
  const port = await start(() => import("../../examples/hono/main.ts"));
  for (const [protocol, httpVersion] of VERSIONS) {
    const { fetch, url } = askingOf(port, protocol, httpVersion);
    expect(await (await fetch(`${url}/`)).text()).toBe(`hello from Hono over ${protocol}\n`);
    expect(await (await echo(fetch, url)).json()).toEqual({ a: [1, 2] });
  }
});

// In the tests below, each message is sent after the one before it was received: a response that is buffered never ends.

test("events arrive one by one over every version", async () => {
  await sameOnNodeHttps(
    () => import("../../examples/sse/main.ts"),
    async ({ fetch, url, httpVersion, events }) => {
      const stream = events("/events");
      expect(await stream.next()).toBe(`hello over HTTP/${httpVersion}`);
      const count = () => fetch(`${url}/count`, { method: "POST" });
      const first = await answerOf(await count());
      const from = Number(await stream.next());
      await count();
      expect(await stream.next()).toBe(String(from + 1));
      stream.close();
      return [first, await answerOf(await fetch(`${url}/`)), await answerOf(await fetch(`${url}/other`))];
    },
  );
});

test("tRPC: a query, a mutation, a batch whose parts arrive one by one, and a subscription", async () => {
  await sameOnNodeHttps(
    () => import("../../examples/trpc/main.ts"),
    async ({ fetch, url, httpVersion }) => {
      const link = splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          EventSource,
          eventSourceOptions: () => ({ fetch: fetch as never }),
        }),
        false: httpBatchStreamLink({ url, fetch: fetch as never }),
      });
      const client = createTRPCClient<AppRouter>({ links: [link] });
      const [hello, next] = [client.hello.query(), client.nextMessage.query()];
      expect(await hello).toBe(`hello from tRPC over HTTP/${httpVersion}`);
      expect(await client.say.mutate({ text: "one" })).toEqual({ length: 3 });
      expect(await next).toBe("one");
      const refused = await client.say.mutate({ text: "" }).catch((error: TRPCClientError<AppRouter>) => error.data);
      const received = new Inbox<string>();
      const subscription = client.messages.subscribe(undefined, {
        onData: (text) => received.put(text),
        onError: (error) => received.fail(error),
      });
      expect(await received.next()).toBe(`welcome, over HTTP/${httpVersion}`);
      for (const text of ["two", "three"]) {
        await client.say.mutate({ text });
        expect(await received.next()).toBe(text);
      }
      subscription.unsubscribe();
      // What called the handler differs between servers.
      return { ...(refused as object), stack: undefined };
    },
  );
});

test("GraphQL Yoga: a query, a mutation, and a subscription over server-sent events", async () => {
  await sameOnNodeHttps(
    () => import("../../examples/yoga/main.ts"),
    async ({ fetch, url, httpVersion, events }) => {
      const ask = (query: string) =>
        fetch(`${url}/graphql`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ query }) });
      expect(await (await ask("{ hello }")).json()).toEqual({
        data: { hello: `hello from Yoga over HTTP/${httpVersion}` },
      });
      const stream = events(`/graphql?query=${encodeURIComponent("subscription { messages }")}`, ["next"]);
      const welcome = { data: { messages: `welcome, over HTTP/${httpVersion}` } };
      expect(JSON.parse(await stream.next())).toEqual(welcome);
      for (const text of ["one", "two"]) {
        const said = await ask(`mutation { say(text: "${text}") }`);
        expect(await said.json()).toEqual({ data: { say: 3 } });
        expect(JSON.parse(await stream.next())).toEqual({ data: { messages: text } });
      }
      stream.close();
      return [await answerOf(await ask("{ unknown }")), await answerOf(await fetch(`${url}/graphql`))];
    },
  );
});

describe.each([
  ["Connect", createConnectTransport],
  ["gRPC-Web", createGrpcWebTransport],
])("%s", (_name, createTransport) => {
  test("a unary call, a call with a stream of responses, and an error", async () => {
    await sameOnNodeHttps(
      () => import("../../examples/connect/main.ts"),
      async ({ fetch, url, httpVersion }) => {
        const client = createClient(Chat, createTransport({ baseUrl: url, fetch }));
        const abort = new AbortController();
        const messages = client.listen({}, { signal: abort.signal })[Symbol.asyncIterator]();
        const next = async () => (await messages.next()).value?.text;
        expect(await next()).toBe(`welcome, over HTTP/${httpVersion}`);
        for (const text of ["one", "two"]) {
          expect((await client.say({ text })).listeners).toBe(1);
          expect(await next()).toBe(text);
        }
        abort.abort();
        await expect(messages.next()).rejects.toMatchObject({ code: Code.Canceled });
        // The server stops listening when the client cancels.
        await expect.poll(async () => (await client.say({ text: "three" })).listeners).toBe(0);
        return await answerOf(await fetch(`${url}/chat.Chat/Other`, { method: "POST" }));
      },
    );
  });
});

test("gRPC over HTTP/2, with its trailers", async () => {
  const port = await start(() => import("../../examples/connect/main.ts"));
  const nodeOptions = { rejectUnauthorized: false };
  const client = createClient(Chat, createGrpcTransport({ baseUrl: `https://127.0.0.1:${port}`, nodeOptions }));
  const abort = new AbortController();
  const messages = client.listen({}, { signal: abort.signal })[Symbol.asyncIterator]();
  expect((await messages.next()).value?.text).toBe("welcome, over HTTP/2.0");
  expect((await client.say({ text: "one" })).listeners).toBe(1);
  expect((await messages.next()).value?.text).toBe("one");
  abort.abort();
  await expect(messages.next()).rejects.toMatchObject({ code: Code.Canceled });
});

test("Nest: a controller, a validated DTO, exceptions, and server-sent events", async () => {
  await sameOnNodeHttps(
    () => import("../../examples/nest/main.ts"),
    async ({ fetch, url, httpVersion, events }) => {
      expect(await (await fetch(`${url}/`)).text()).toBe(`hello from Nest over HTTP/${httpVersion}\n`);
      const add = (content: unknown) =>
        fetch(`${url}/messages`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(content) });
      const stream = events("/messages");
      expect(await stream.next()).toBe("welcome");
      for (const text of ["one", "two"]) {
        const { id } = (await (await add({ text })).json()) as { id: number };
        expect(await stream.next()).toBe(text);
        expect(await (await fetch(`${url}/messages/${id}`)).json()).toEqual({ text });
      }
      stream.close();
      const others = ["/messages/x", "/messages/99", "/other"].map((path) => fetch(`${url}${path}`));
      return await Promise.all([add({ text: "" }), ...others].map(async (response) => answerOf(await response)));
    },
  );
});

test("the chat serves its page and its welcome message over every version", async () => {
  const port = await start(() => import("../../examples/ws-chat/main.ts"));
  for (const [protocol, version] of VERSIONS) {
    const page = await connect(protocol).fetch(`https://localhost:${port}/`);
    expect(await page.text()).toContain("<title>Chat</title>");
    const [, kind] = TUNNEL_KINDS.find(([, each]) => each.version === protocol && each.protocol !== undefined)!;
    const { stream } = await kind.open({
      port,
      protocol: kind.protocol,
      headers: {
        "sec-websocket-version": "13",
        ...(protocol === "http/1.1" ? { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" } : {}),
      },
      onClose: closeLater,
    });
    let text = "";
    stream.on("data", (part: Buffer) => {
      text += part.toString("latin1");
    });
    await expect.poll(() => text).toContain(`welcome, over HTTP/${version}`);
  }
});

describe("WebTransport", () => {
  const join = async (port: number): Promise<WebTransport> => {
    const resolve = () => ["127.0.0.1"];
    const session = new WebTransport(`https://localhost:${port}/`, { client: { rejectUnauthorized: false, resolve } });
    closeLater(() => session.close());
    await session.ready;
    return session;
  };

  test("the chat passes messages to everybody", async () => {
    const port = await start(() => import("../../examples/wt-chat/main.ts"));
    const [ann, bob] = await Promise.all([join(port), join(port)]);
    const writer = (await ann.createUnidirectionalStream()).getWriter();
    await writer.write(new TextEncoder().encode("hello"));
    await writer.close();
    for (const { incomingUnidirectionalStreams } of [ann, bob]) {
      const { value } = await incomingUnidirectionalStreams.getReader().read();
      expect(await new Response(value).text()).toBe("hello");
    }
  });

  test("a cursor moves for the others", async () => {
    const port = await start(() => import("../../examples/cursors/main.ts"));
    const [ann, bob] = await Promise.all([join(port), join(port)]);
    const positions = bob.datagrams.readable.getReader();
    const moved = positions.read();
    await ann.datagrams.writable.getWriter().write(new Uint16Array([300, 200]) as never);
    const [who, ...position] = new Uint16Array((await moved).value!.slice().buffer);
    expect([who! < 2, position]).toEqual([true, [300, 200]]);
  });
});
