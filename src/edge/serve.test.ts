import { once } from "node:events";
import { Hono } from "hono";
import { afterEach, describe, expect, test } from "vitest";
import type { Context } from "../host/http/fetch-context.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { LightResponse } from "../host/http/plain-response.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { type ServeOptions, serve } from "./serve.ts";
import type { Server } from "./server.ts";
import { deferred, settled } from "./testing/async.ts";
import { VERSIONS } from "./testing/client.ts";
import { get, type TestClient } from "./testing/test-client.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe.each(VERSIONS)("serve over %s", (version, open) => {
  async function start(handler: Handler, options: ServeOptions = {}): Promise<{ server: Server; client: TestClient }> {
    const server = await serve({ port: 0, host: "127.0.0.1", ...localhostIdentity, ...options }, handler);
    closers.push(() => server.close({ timeout: 0 }));
    const client = await open(server.url);
    closers.push(() => client.close());
    return { server, client };
  }

  test("requires QUIC clients to prove their address only if configured", async () => {
    const answer: Handler = (_request, { connection }) => new Response(String(connection?.stats().retry ?? "no QUIC"));
    const verified = await start(answer, { retry: "always" });
    expect(await (await get(verified.client, "/")).text()).toBe(version === "h3" ? "yes" : "no QUIC");
    const trusted = await start(answer);
    expect(await (await get(trusted.client, "/")).text()).toBe(version === "h3" ? "no" : "no QUIC");
  });

  test("gives the handler the request", async () => {
    const { client, server } = await start(async (request, context) => {
      expect(request).toBeInstanceOf(Request);
      return Response.json({
        method: request.method,
        url: request.url,
        query: new URL(request.url).searchParams.get("q"),
        agent: request.headers.get("user-agent"),
        host: request.headers.get("host"),
        protocol: context.protocol,
        remote: context.remoteAddress.address,
        local: context.localAddress.port,
      });
    });
    const response = await get(client, "/a%20b/../c?q=1", { "user-agent": "test" });
    expect(response.status).toBe(200);
    expect(JSON.parse(await response.text())).toEqual({
      method: "GET",
      url: `https://localhost:${server.port}/c?q=1`,
      query: "1",
      agent: "test",
      host: `localhost:${server.port}`,
      protocol: version,
      remote: "127.0.0.1",
      local: server.port,
    });
  });

  test("sends a string with its length and type", async () => {
    const { client } = await start(() => new Response("héllo", { headers: { "x-one": "1" } }));
    const response = await get(client, "/");
    expect(await response.text()).toBe("héllo");
    expect(response.headers).toMatchObject({
      "content-type": "text/plain;charset=UTF-8",
      "content-length": "6",
      "x-one": "1",
      date: expect.stringMatching(/GMT$/),
    });
  });

  test("sends the light Response in the same way", async () => {
    const { client } = await start(() => new LightResponse("héllo", { status: 201, headers: { "x-one": "1" } }));
    const response = await get(client, "/");
    expect(response.status).toBe(201);
    expect(await response.text()).toBe("héllo");
    expect(response.headers).toMatchObject({
      "content-type": "text/plain;charset=UTF-8",
      "content-length": "6",
      "x-one": "1",
    });
  });

  test("reads a body as text", async () => {
    const { client } = await start(async (request) => new Response((await request.text()).toUpperCase()));
    const response = await client.request({ method: "POST", body: "shout" }).response;
    expect(await response.text()).toBe("SHOUT");
  });

  test("echoes a megabyte as a stream", async () => {
    const { client } = await start((request) => new Response(request.body));
    const body = new Uint8Array(1_000_000).map((_, i) => i);
    const response = await client.request({ method: "POST", body }).response;
    expect(Buffer.compare(await response.bytes(), body)).toBe(0);
  });

  test("rejects reads of the request body after the response has ended", async () => {
    const failure = deferred<unknown>();
    const { client } = await start((request) => {
      request.text().catch(failure.resolve);
      return new Response("early");
    });
    const { response } = client.request({ method: "POST", streaming: true });
    expect(await (await response).text()).toBe("early");
    expect(await failure.promise).toBeInstanceOf(Error);
  });

  test("sends no content for HEAD, 204 and 304", async () => {
    const { client } = await start((request) => {
      const status = Number(new URL(request.url).pathname.slice(1));
      return status === 200 ? new Response("hello") : new Response(null, { status });
    });
    const head = await client.request({ method: "HEAD", path: "/200" }).response;
    expect([head.status, head.headers["content-length"], await head.text()]).toEqual([200, "5", ""]);
    for (const status of [204, 304]) {
      const response = await get(client, `/${status}`);
      expect([response.status, await response.text()]).toEqual([status, ""]);
      expect(response.headers["content-length"]).toBeUndefined();
    }
  });

  test("sends each Set-Cookie on its own line, and no connection-specific fields", async () => {
    const { client } = await start(() => {
      const headers = new Headers({ connection: "x-secret", "keep-alive": "1", "transfer-encoding": "gzip" });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response("", { headers });
    });
    const response = await get(client, "/");
    expect(response.headers["set-cookie"]).toBe("a=1\nb=2");
    expect(response.headers["transfer-encoding"]).toBeUndefined();
    expect(response.headers.connection).not.toBe("x-secret");
  });

  test("sends a 500 and logs one line if a handler throws, and keeps running", async () => {
    const lines: string[] = [];
    const { client } = await start(
      (request) => {
        if (request.url.endsWith("/bad")) throw new Error("broken\nhandler");
        if (request.url.endsWith("/nothing")) return undefined as unknown as Response;
        return new Response("fine");
      },
      { log: (line) => lines.push(line) },
    );
    for (const path of ["/bad", "/nothing"]) {
      const response = await get(client, path);
      expect([response.status, await response.text()]).toEqual([500, "Internal Server Error"]);
    }
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/GET \/bad: Error: broken handler/);
    expect(await (await get(client, "/")).text()).toBe("fine");
  });

  test("aborts a response whose stream fails", async () => {
    const { client } = await start(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode("half"));
            },
            async pull(controller) {
              await Promise.resolve();
              controller.error(new Error("disk gone"));
            },
          }),
        ),
      { log: () => undefined },
    );
    await expect(client.request({}).response.then((response) => response.bytes())).rejects.toThrow();
  });

  test("aborts request.signal when the client aborts", async () => {
    const started = deferred<void>();
    const aborted = deferred<unknown>();
    const { client } = await start((request) => {
      request.signal.addEventListener("abort", () => aborted.resolve(request.signal.reason));
      started.resolve();
      return new Promise<Response>(() => undefined);
    });
    const exchange = client.request({});
    await started.promise;
    exchange.cancel();
    expect(await aborted.promise).toBeInstanceOf(Error);
  });

  test("cancels the body's stream when the client aborts", async () => {
    const cancelled = deferred<unknown>();
    const { client } = await start(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              controller.enqueue(new Uint8Array(65_536));
            },
            cancel: (reason) => cancelled.resolve(reason),
          }),
        ),
    );
    const exchange = client.request({});
    await once((await exchange.response).content, "readable");
    exchange.cancel();
    expect(await cancelled.promise).toBeInstanceOf(Error);
  });

  test("reads a stream only as fast as the client does", async () => {
    let produced = 0;
    const { client } = await start(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              produced += 65_536;
              controller.enqueue(new Uint8Array(65_536));
              if (produced >= 32 * 1024 * 1024) controller.close();
            },
          }),
        ),
    );
    const { content } = await client.request({}).response;
    await once(content, "readable");
    // The client reads nothing more, so the server must stop producing well before the end.
    expect(await settled(() => produced)).toBeLessThan(24 * 1024 * 1024);
    let received = 0;
    for await (const chunk of content) received += (chunk as Uint8Array).byteLength;
    expect(received).toBe(32 * 1024 * 1024);
  });

  test("receives a body only as fast as the handler reads it", async () => {
    const read = deferred<void>();
    const { client } = await start(async (request) => {
      await read.promise;
      let received = 0;
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) received += chunk.byteLength;
      return new Response(String(received));
    });
    const exchange = client.request({ method: "POST", streaming: true });
    const total = 32 * 1024 * 1024;
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent += 1024 * 1024) await exchange.send(new Uint8Array(1024 * 1024));
      exchange.finish();
    })();
    expect(await settled(() => sent)).toBeLessThan(24 * 1024 * 1024);
    read.resolve();
    await sending;
    expect(await (await exchange.response).text()).toBe(String(total));
  });

  test("supports informational responses and trailers", async () => {
    const { client } = await start(async (request, context: Context) => {
      context.inform(103, { link: "</style.css>; rel=preload" });
      await request.text();
      const sum = (await context.trailers).get("x-sum");
      context.addTrailers({ "x-echo": sum ?? "none" });
      return new Response("body", { headers: { trailer: "x-echo" } });
    });
    const exchange = client.request({ method: "POST", streaming: true, headers: { trailer: "x-sum" } });
    await exchange.send("content");
    exchange.finish({ "x-sum": "42" });
    const response = await exchange.response;
    expect(await response.text()).toBe("body");
    expect(response.trailers()).toEqual({ "x-echo": client.sendsTrailers ? "42" : "none" });
    expect(exchange.informational).toEqual([{ status: 103, headers: { link: "</style.css>; rel=preload" } }]);
  });

  test("sends 100 (Continue) only when the handler reads the body", async () => {
    const { client, server } = await start(async (request) =>
      request.url.endsWith("/read") ? new Response(await request.text()) : new Response("no", { status: 413 }),
    );
    const headers = { expect: "100-continue", "content-length": "4" };
    const refused = client.request({ method: "POST", path: "/refuse", headers, streaming: true });
    expect((await refused.response).status).toBe(413);
    expect(refused.informational).toEqual([]);
    refused.cancel();
    const again = await open(server.url);
    closers.push(() => again.close());
    const accepted = again.request({ method: "POST", path: "/read", headers, streaming: true });
    await accepted.send("body");
    accepted.finish();
    expect(await (await accepted.response).text()).toBe("body");
    expect(accepted.informational.map(({ status }) => status)).toContain(100);
  });

  test("can respond after reading part of the body, and then serves the next request", async () => {
    const { client } = await start(async (request) => {
      if (request.method === "GET") return new Response("next");
      const { value } = (await request.body!.getReader().read()) as { value: Uint8Array };
      return new Response(String(value.byteLength > 0), { status: 413 });
    });
    const upload = client.request({ method: "POST", streaming: true });
    const sending = upload.send(new Uint8Array(100_000)); // may never finish
    const response = await upload.response;
    expect([response.status, await response.text()]).toEqual([413, "true"]);
    await sending;
    upload.finish();
    expect(await (await get(client, "/")).text()).toBe("next");
  });

  test("runs a Hono app", async () => {
    const app = new Hono();
    app.get("/hi/:name", (c) => c.json({ hi: c.req.param("name"), q: c.req.query("q") }));
    app.post("/form", async (c) => c.text(String((await c.req.parseBody()).field)));
    const { client } = await start(app.fetch as unknown as Handler);
    expect(JSON.parse(await (await get(client, "/hi/you?q=1")).text())).toEqual({ hi: "you", q: "1" });
    const form = await client.request({
      method: "POST",
      path: "/form",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "field=value",
    }).response;
    expect(await form.text()).toBe("value");
  });
});
