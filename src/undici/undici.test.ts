import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import * as undici from "undici";
import { beforeEach, describe, expect, test } from "vitest";
import type { Protocol } from "../host/client/session.ts";
import { LONG, openAgent, openWorld, PROTOCOLS, type World } from "./testing/world.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
});

const { request, interceptors } = undici;
/** Node's fetch, whose types do not know its dispatcher. */
const nodeFetch = globalThis.fetch as (url: string, init: object) => Promise<Response>;

const open = (protocol: Protocol) => openAgent({ protocols: [protocol] });

describe.each(PROTOCOLS)("over %s", (protocol) => {
  test("undici.request", async () => {
    const dispatcher = open(protocol);
    const { statusCode, headers, body } = await request(`${world.url}/echo`, {
      dispatcher,
      method: "POST",
      body: "hello",
      query: { a: "1 2" },
    });
    expect(statusCode).toBe(200);
    expect(await body.text()).toBe(`${protocol} POST hello`);
    expect(headers).toMatchObject({ "x-path": "/echo?a=1%202", "set-cookie": ["a=1", "b=2"] });
  });

  test("undici.stream", async () => {
    const chunks: Buffer[] = [];
    const { Writable } = await import("node:stream");
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        setImmediate(done);
      },
    });
    await undici.stream(`${world.url}/long`, { dispatcher: open(protocol), method: "GET" }, () => sink);
    expect(Buffer.concat(chunks).equals(LONG)).toBe(true);
  });

  test("undici.pipeline", async () => {
    const options = { dispatcher: open(protocol), method: "PUT" } as const;
    const duplex = undici.pipeline(`${world.url}/echo`, options, ({ body }) => body);
    duplex.end("piped");
    expect(await text(duplex)).toBe(`${protocol} PUT piped`);
  });

  test.each([
    ["undici's fetch", undici.fetch as unknown as typeof nodeFetch],
    ["Node's fetch", nodeFetch],
  ])("%s decodes content itself, follows redirects and sends forms", async (_name, fetch) => {
    const dispatcher = open(protocol);
    const zipped = await fetch(`${world.url}/gzip`, { dispatcher });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    expect(await zipped.text()).toBe("squeezed");
    const moved = await fetch(`${world.url}/redirect`, { dispatcher });
    expect(moved.redirected).toBe(true);
    expect(await moved.text()).toBe(`${protocol} GET `);
    const body = new URLSearchParams({ a: "b" });
    expect(await (await fetch(`${world.url}/echo`, { dispatcher, method: "POST", body })).text()).toContain("a=b");
    const early = await fetch(`${world.url}/early`, { dispatcher });
    expect([early.status, await early.text()]).toEqual([200, "late"]);
  });

  test.each([
    ["a string", () => "bytes"],
    ["a Buffer", () => Buffer.from("bytes")],
    ["a typed array", () => new Uint8Array(Buffer.from("bytes"))],
    ["an ArrayBuffer", () => new Uint8Array(Buffer.from("bytes")).buffer],
    ["a Readable of strings", () => Readable.from(["by", "tes"])],
    ["a Readable", () => Readable.from([Buffer.from("bytes")])],
    ["a Blob", () => new Blob(["bytes"])],
    ["an iterable", () => [Buffer.from("by"), Buffer.from("tes")].values()],
    [
      "an async iterable",
      async function* () {
        yield "bytes";
      },
    ],
  ])("sends %s", async (_name, body) => {
    const options = { dispatcher: open(protocol), method: "POST", body: body() as never } as const;
    expect(await (await request(`${world.url}/echo`, options)).body.text()).toBe(`${protocol} POST bytes`);
  });

  test("sends FormData of this or another copy of undici", async () => {
    for (const form of [new FormData(), new undici.FormData()]) {
      form.set("field", "value");
      const options = { dispatcher: open(protocol), method: "POST", body: form as never } as const;
      expect(await (await request(`${world.url}/echo`, options)).body.text()).toContain("value");
      expect(world.seen.at(-1)!.headers.get("content-type")).toMatch(/^multipart\/form-data; boundary=/);
    }
  });

  test("waits for 100 (Continue), where undici does", async () => {
    const options = { dispatcher: open(protocol), method: "POST", body: "later", expectContinue: true } as const;
    expect(await (await request(`${world.url}/echo`, options)).body.text()).toBe(`${protocol} POST later`);
    expect(world.seen.at(-1)!.headers.get("expect")).toBe(protocol === "http/1.1" ? null : "100-continue");
  });

  test("passes on informational responses and trailers", async () => {
    const dispatcher = open(protocol);
    const seen: number[] = [];
    const onInfo = ({ statusCode }: { statusCode: number }): unknown => seen.push(statusCode);
    await (await request(`${world.url}/early`, { dispatcher, onInfo } as never)).body.dump();
    expect(seen).toEqual([103]);
    const { body, trailers } = await request(`${world.url}/trailers`, { dispatcher, headers: { te: "trailers" } });
    expect(await body.text()).toBe("counted");
    expect(trailers).toEqual({ "x-sum": "42" });
  });

  test("an aborted request fails with the reason: before it begins, before the head, within the body", async () => {
    const dispatcher = open(protocol);
    const reason = new Error("changed my mind");
    await expect(request(`${world.url}/echo`, { dispatcher, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const waiting = new AbortController();
    const unanswered = request(`${world.url}/never`, { dispatcher, signal: waiting.signal });
    setImmediate(() => waiting.abort(reason));
    await expect(unanswered).rejects.toBe(reason);
    const reading = new AbortController();
    const { body } = await request(`${world.url}/stalls`, { dispatcher, signal: reading.signal });
    reading.abort(reason);
    await expect(body.text()).rejects.toBe(reason);
    expect(await (await request(`${world.url}/echo`, { dispatcher })).body.text()).toBe(`${protocol} GET `);
  });

  test("the time limits of a request", async () => {
    const dispatcher = open(protocol);
    await expect(request(`${world.url}/never`, { dispatcher, headersTimeout: 20 })).rejects.toMatchObject({
      name: "HeadersTimeoutError",
      code: "UND_ERR_HEADERS_TIMEOUT",
      cause: { code: "RESPONSE_TIMEOUT" },
    });
    const { body } = await request(`${world.url}/stalls`, { dispatcher, bodyTimeout: 20 });
    await expect(body.text()).rejects.toMatchObject({ code: "UND_ERR_BODY_TIMEOUT" });
  });

  test("an error of the request's body is the request's error", async () => {
    const failed = new Error("disk gone");
    const body = new Readable({ read: () => body.destroy(failed) });
    const options = { dispatcher: open(protocol), method: "POST", body } as const;
    await expect(request(`${world.url}/echo`, options)).rejects.toBe(failed);
  });

  test("a body that does not match its content-length is refused", async () => {
    const options = { dispatcher: open(protocol), method: "POST", headers: { "content-length": "9" } } as const;
    await expect(request(`${world.url}/echo`, { ...options, body: "x" })).rejects.toMatchObject({
      code: "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
    });
    await expect(request(`${world.url}/echo`, { ...options, body: Readable.from(["x"]) })).rejects.toThrow();
  });

  test("Node's fetch with a content-length of the caller", async () => {
    const init = { dispatcher: open(protocol), method: "POST", body: "hello", headers: { "content-length": "5" } };
    expect(await (await nodeFetch(`${world.url}/echo`, init)).text()).toBe(`${protocol} POST hello`);
  });

  test("the interceptors redirect, retry, dump and cache", async () => {
    const { redirect, retry, dump, cache } = interceptors;
    const composed = open(protocol).compose([
      cache(),
      redirect({ maxRedirections: 3 }),
      retry({ minTimeout: 1, maxTimeout: 1 }),
    ]);
    const get = async (path: string) =>
      (await request(world.url + path, { dispatcher: composed as never })).body.text();
    expect(await get("/redirect")).toBe(`${protocol} GET `);
    expect(await get(`/flaky?${protocol}`)).toBe("attempt 3");
    const dumping = open(protocol).compose(dump({ maxSize: 8 << 20 }));
    expect(await (await request(`${world.url}/long`, { dispatcher: dumping as never })).body.text()).toBe("");
  });

  test("the interceptor dns connects to its address, and the certificate still names the host", async () => {
    const dispatcher = openAgent({ protocols: [protocol], resolve: undefined }).compose(
      interceptors.dns({
        lookup: (_origin, _options, done) => done(null, [{ address: "127.0.0.1", ttl: 9, family: 4 }]),
      }),
    );
    const { body } = await request(`${world.url}/echo`, { dispatcher: dispatcher as never });
    expect(await body.text()).toBe(`${protocol} GET `);
    expect(world.seen).toHaveLength(1);
  });

  test("close waits for requests, and refuses new ones", async () => {
    const dispatcher = open(protocol);
    const running = request(`${world.url}/slow`, { dispatcher });
    const closed = dispatcher.close();
    await expect(request(`${world.url}/echo`, { dispatcher })).rejects.toMatchObject({ code: "UND_ERR_CLOSED" });
    expect(await (await running).body.text()).toBe("slow");
    await closed;
    expect(dispatcher.closed).toBe(true);
  });

  test("destroy ends requests", async () => {
    const dispatcher = open(protocol);
    const { body } = await request(`${world.url}/stalls`, { dispatcher });
    const read = body.text();
    await Promise.all([expect(read).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" }), dispatcher.destroy()]);
    await expect(request(`${world.url}/echo`, { dispatcher })).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
  });
});

test.each([
  [{ path: "no-slash" }, "UND_ERR_INVALID_ARG"],
  [{ method: "B AD" }, "UND_ERR_INVALID_ARG"],
  [{ maxRedirections: 2 }, "UND_ERR_INVALID_ARG"],
  [{ throwOnError: true }, "UND_ERR_INVALID_ARG"],
  [{ headersTimeout: -1 }, "UND_ERR_INVALID_ARG"],
  [{ headers: ["odd"] }, "UND_ERR_INVALID_ARG"],
  [{ headers: { "transfer-encoding": "chunked" } }, "UND_ERR_INVALID_ARG"],
  [{ headers: { "x-y": "line\nbreak" } }, "UND_ERR_INVALID_ARG"],
  [{ headers: { expect: "100-continue" } }, "UND_ERR_NOT_SUPPORTED"],
  [{ headers: { "content-length": "5, 6" } }, "UND_ERR_INVALID_ARG"],
  [{ body: 7 }, "UND_ERR_INVALID_ARG"],
])("%j is refused with undici's error, by way of the handler", (wrong, code) => {
  const errors: unknown[] = [];
  const handler = {
    onRequestStart() {},
    onResponseError: (_controller: unknown, error: unknown) => errors.push(error),
  };
  const options = { origin: world.url, path: "/", method: "GET", ...wrong };
  expect(openAgent().dispatch(options as never, handler as never)).toBe(false);
  expect(errors).toMatchObject([{ code }]);
});

test("nobody listening: the error has the system's code", async () => {
  const dispatcher = openAgent({ protocols: ["h2"] });
  await expect(request("https://localhost:1/", { dispatcher })).rejects.toMatchObject({
    code: "ECONNREFUSED",
    cause: { code: "CONNECTION_REFUSED" },
  });
});
