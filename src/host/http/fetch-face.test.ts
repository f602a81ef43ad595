/** The Request and Response of fetch handlers, compared with Node's own. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { deferred } from "../../edge/testing/async.ts";
import type { Context } from "./fetch-context.ts";
import { createFetchHandler, type Handler } from "./fetch-handler.ts";
import { LightResponse } from "./plain-response.ts";
import { FakeExchange } from "./testing/fake-exchange.ts";

async function run(
  exchange: FakeExchange,
  handler: Handler,
  lines: string[] = [],
  nativeRequest = false,
): Promise<FakeExchange> {
  createFetchHandler(handler, { log: (line) => lines.push(line), nativeRequest }).handle(exchange);
  await exchange.over;
  return exchange;
}

/** Runs a handler and returns what `look` returns for its request. */
async function seen<T>(
  exchange: FakeExchange,
  look: (request: Request, context: Context) => T,
  nativeRequest = false,
): Promise<Awaited<T>> {
  let found!: Awaited<T>;
  const handler: Handler = async (request, context) => {
    found = await look(request, context);
    return new Response(null, { status: 204 });
  };
  await run(exchange, handler, [], nativeRequest);
  return found;
}

const post = (...chunks: string[]): FakeExchange => {
  const exchange = new FakeExchange();
  exchange.method = "POST";
  for (const chunk of chunks) exchange.body.push(chunk);
  exchange.body.finish();
  return exchange;
};

describe("the Request", () => {
  test.each([
    ["localhost:4433", "/a?b"],
    ["localhost", "/"],
    ["example.com:443", "/x"],
    ["EXAMPLE.com", "/a/./b/../c"],
    ["a.example", "/a%2e%2e/b"],
    ["a.example", "/%2e%2e/b"],
    ["a.example", "/a b\u00e9\\c"],
    ["a.example", "//double//slash"],
    ["a.example", "/.hidden/a.b"],
    ["a.example", "/x?q='\"<>|`^{}"],
    ["[::1]:4433", "/"],
    ["127.1", "/"],
    ["1.2.3.4:8080", "/"],
    ["xn--nxasmq6b.example", "/"],
  ])("has the same URL as a real one: %s %s", async (authority, path) => {
    const exchange = new FakeExchange();
    exchange.authority = authority;
    exchange.path = path;
    expect(await seen(exchange, (request) => request.url)).toBe(new Request(`https://${authority}${path}`).url);
  });

  test("without a valid URL is answered with 400", async () => {
    const exchange = new FakeExchange();
    exchange.authority = "a:99999";
    expect((await run(exchange, () => new Response())).status).toBe(400);
  });

  test("has the same properties as a real one", async () => {
    const exchange = post("x");
    exchange.fields = [
      ["x-a", "1"],
      ["x-a", "2"],
      ["cookie", "a=1"],
      ["cookie", "b=2"],
    ];
    const look = (request: Request) => ({
      instance: request instanceof Request,
      method: request.method,
      list: request.headers.get("x-a"),
      cookie: request.headers.get("cookie"),
      keys: ["cache", "credentials", "destination", "integrity", "keepalive", "mode", "redirect", "referrer"].map(
        (key) => request[key as keyof Request],
      ),
      signal: request.signal.aborted,
      used: request.bodyUsed,
    });
    const headers = new Headers(exchange.fields as [string, string][]);
    const real = new Request("https://localhost:4433/", { method: "POST", headers, body: "x" });
    expect(await seen(exchange, look)).toEqual(look(real));
  });

  test("returns its body in every form, once", async () => {
    expect(await seen(post("a", "b"), (request) => request.text())).toBe("ab");
    expect(await seen(post('{"a":', "1}"), (request) => request.json())).toEqual({ a: 1 });
    expect(await seen(post("ab"), async (request) => new Uint8Array(await request.arrayBuffer()))).toEqual(
      new Uint8Array([97, 98]),
    );
    const form = post("a=1&b=2");
    form.fields = [["content-type", "application/x-www-form-urlencoded"]];
    expect(await seen(form, async (request) => [...(await request.formData()).entries()].flat())).toEqual([
      "a",
      "1",
      "b",
      "2",
    ]);
    const blob = post("ab");
    blob.fields = [["content-type", "text/x"]];
    expect(await seen(blob, async (request) => (await request.blob()).type)).toBe("text/x");
    const twice = seen(post("a"), async (request) => {
      await request.text();
      expect(request.bodyUsed).toBe(true);
      return request.text().catch((error: Error) => error.name);
    });
    expect(await twice).toBe("TypeError");
    const streamed = seen(post("a", "b"), async (request) => {
      let text = "";
      for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(chunk);
      return text;
    });
    expect(await streamed).toBe("ab");
    expect(await seen(post("a"), async (request) => (request.body === null ? "" : request.text()))).toBe("a");
    expect(await seen(new FakeExchange(), (request) => [request.body])).toEqual([null]);
  });

  test("can be cloned and used as init of another Request, with the same or another URL", async () => {
    const clone = seen(post("abc"), async (request) => {
      const other = request.clone();
      return [await other.text(), await request.text()];
    });
    expect(await clone).toEqual(["abc", "abc"]);
    const moved = await seen(post("abc"), async (request) => {
      const other = new Request("https://other.example/", request as RequestInit);
      return [other.url, other.method, await other.text()];
    });
    expect(moved).toEqual(["https://other.example/", "POST", "abc"]);
  });

  test("is Node's own with nativeRequest, which Request accepts as its only argument", async () => {
    const exchange = post("abc");
    exchange.fields = [["x-a", "1"]];
    const look = async (request: Request) => {
      const other = new Request(request, { headers: { "x-b": "2" } });
      return [other.url, other.method, other.headers.get("x-a"), other.headers.get("x-b"), await other.text()];
    };
    expect(await seen(exchange, look, true)).toEqual(["https://localhost:4433/", "POST", null, "2", "abc"]);
  });

  test("that Node rejects is answered with 500, and advice in the log", async () => {
    for (const misuse of [(request: Request) => new Request(request), (request: Request) => fetch(request)]) {
      const lines: string[] = [];
      const exchange = await run(new FakeExchange(), async (request) => void (await misuse(request)) as never, lines);
      expect(exchange.status).toBe(500);
      expect(lines).toEqual([expect.stringContaining("nativeRequest: true")]);
    }
  });

  test("passes the client's abort to the signal, the body and the trailers", async () => {
    const exchange = new FakeExchange();
    exchange.method = "POST";
    const outcome = deferred<unknown[]>();
    createFetchHandler(
      async (request, context) => {
        const trailers = context.trailers.catch((error: Error) => error.message);
        const text = request.text().catch((error: Error) => error.message);
        exchange.abort(new Error("gone"));
        outcome.resolve([request.signal.aborted, context.signal === request.signal, await text, await trailers]);
        return new Response();
      },
      { log: () => undefined },
    ).handle(exchange);
    expect(await outcome.promise).toEqual([true, true, "gone", "gone"]);
  });

  test("has trailers after content that the Fetch standard hides", async () => {
    const exchange = new FakeExchange();
    const reading = seen(exchange, async (request, context) => [request.body, [...(await context.trailers)]]);
    exchange.body.push("x");
    exchange.body.trailers = [["x-sum", "1"]];
    exchange.body.finish();
    expect(await reading).toEqual([null, [["x-sum", "1"]]]);
  });

  test("sends 100 (Continue) when an expected body is read, as a stream or whole", async () => {
    const ways: ((request: Request) => Promise<unknown>)[] = [
      (request) => request.text(),
      (request) => request.body!.getReader().read(),
    ];
    for (const read of ways) {
      const exchange = new FakeExchange();
      exchange.method = "POST";
      exchange.fields = [["expect", "100-continue"]];
      const reading = seen(exchange, read);
      await Promise.resolve();
      expect(exchange.informed).toEqual([100]);
      exchange.body.push("x");
      exchange.body.finish();
      await reading;
    }
  });

  test("sends 100 (Continue) once, however many chunks are read before the response", async () => {
    const exchange = post("a", "b", "c");
    exchange.fields = [["expect", "100-continue"]];
    const chunks = await seen(exchange, async ({ body }) => {
      const all: string[] = [];
      for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) all.push(String(chunk));
      return all;
    });
    expect([chunks.length, exchange.informed]).toEqual([3, [100]]);
  });
});

describe("the Response", () => {
  test("of an endless stream of empty chunks does not keep the event loop from turning", async () => {
    const exchange = new FakeExchange();
    let isCancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(0)),
      cancel: () => {
        isCancelled = true;
      },
    });
    createFetchHandler(() => new Response(stream), { log: () => undefined }).handle(exchange);
    await new Promise((resolve) => setImmediate(resolve));
    expect(exchange.status).toBe(200);
    exchange.abort(new Error("gone"));
    await vi.waitUntil(() => isCancelled);
  });

  test("is sent in one piece, with its length, if its body is ready", async () => {
    for (const make of [
      () => new Response("four"),
      () => new Response(new Uint8Array([1, 2, 3, 4])),
      () => new LightResponse("four"),
      () => new LightResponse(new Uint8Array([1, 2, 3, 4])),
    ]) {
      const exchange = await run(new FakeExchange(), make);
      expect(new Map(exchange.head).get("content-length")).toBe("4");
      expect(exchange.writes).toBe(1);
    }
  });

  test("sends the first chunk without waiting for the second", async () => {
    let more!: ReadableStreamDefaultController<Uint8Array>;
    const exchange = new FakeExchange();
    createFetchHandler(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              more = controller;
              controller.enqueue(new TextEncoder().encode("first"));
            },
          }),
        ),
    ).handle(exchange);
    while (exchange.content === "") await new Promise((resolve) => setImmediate(resolve));
    expect(exchange.content).toBe("first");
    more.close();
    await exchange.over;
  });

  test("is reset if it is longer or shorter than its content-length", async () => {
    for (const length of ["3", "100"]) {
      const lines: string[] = [];
      const stream = () =>
        new ReadableStream({
          async pull(controller) {
            await new Promise((resolve) => setImmediate(resolve));
            controller.enqueue(new Uint8Array(5));
            await new Promise((resolve) => setImmediate(resolve));
            controller.close();
          },
        });
      const handler = () => new Response(stream(), { headers: { "content-length": length } });
      const exchange = await run(new FakeExchange(), handler, lines);
      expect(exchange.aborted).toBeInstanceOf(Error);
      expect(lines).toHaveLength(1);
    }
    const whole = await run(new FakeExchange(), () => new Response("four", { headers: { "content-length": "9" } }));
    expect(new Map(whole.head).get("content-length")).toBe("4");
  });

  test("a stream of anything but bytes becomes a 500", async () => {
    const lines: string[] = [];
    const stream = new ReadableStream({ start: (controller) => controller.enqueue("text") });
    const exchange = await run(new FakeExchange(), () => new Response(stream as unknown as null), lines);
    expect([exchange.status, lines.length]).toEqual([500, 1]);
  });

  test("has no fields about the connection, which HTTP/2 and HTTP/3 refuse, nor have 1xx and trailers", async () => {
    const headers = { "x-a": "1", te: "gzip", connection: "x", "keep-alive": "1", upgrade: "x" };
    const exchange = await run(new FakeExchange(), (_request, context) => {
      context.inform(103, { ...headers, "content-length": "1" });
      context.addTrailers({ ...headers, "content-length": "1" });
      return new Response("x", { headers });
    });
    const names = exchange.head.map(([name]) => name);
    expect(names.filter((name) => !name.startsWith("content-"))).toEqual(["x-a"]);
    expect(exchange.informedFields).toEqual([["x-a", "1"]]);
    expect(exchange.trailers).toEqual([["x-a", "1"]]);
  });

  test.each([204, 205])("with status %d has no length, whatever the handler says", async (status) => {
    const headers = { "x-a": "1", "content-length": "5" };
    const exchange = await run(new FakeExchange(), () => new Response(null, { status, headers }));
    expect([exchange.status, exchange.head]).toEqual([status, [["x-a", "1"]]]);
  });

  test("onError creates the response if a handler throws", async () => {
    const exchange = new FakeExchange();
    const onError = (error: unknown) => new Response(`caught ${(error as Error).message}`, { status: 503 });
    createFetchHandler(
      () => {
        throw new Error("x");
      },
      { onError },
    ).handle(exchange);
    await exchange.over;
    expect([exchange.status, exchange.content]).toEqual([503, "caught x"]);
  });

  test("settled() waits for waitUntil promises, whose failures are logged", async () => {
    const lines: string[] = [];
    const gate = deferred<void>();
    const handler = createFetchHandler(
      (_request, context) => {
        context.waitUntil(
          gate.promise.then(() => {
            throw new Error("late");
          }),
        );
        return new Response();
      },
      { log: (line) => lines.push(line) },
    );
    handler.handle(new FakeExchange());
    let settled = false;
    const done = handler.settled().then(() => {
      settled = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    gate.resolve();
    await done;
    expect(lines[0]).toContain("late");
  });

  test("inform refuses statuses that are not informational", async () => {
    const exchange = new FakeExchange();
    const errors = await seen(exchange, (_request, context) => {
      context.inform(103, { link: "</x>" });
      return [101, 200, 99].map((status) => {
        try {
          context.inform(status);
          return undefined;
        } catch (error) {
          return (error as Error).name;
        }
      });
    });
    expect([exchange.informed, errors]).toEqual([[103], ["RangeError", "RangeError", "RangeError"]]);
  });
});

describe("the light Response", () => {
  afterEach(() => {
    delete (globalThis as { nagareTest?: unknown }).nagareTest;
  });

  const cases: [name: string, make: (R: typeof Response) => Response][] = [
    ["text", (R) => new R("text")],
    ["nothing", (R) => new R()],
    ["null with a status", (R) => new R(null, { status: 404, statusText: "Lost" })],
    ["headers", (R) => new R("x", { headers: { "Content-Type": "a/b", "X-One": "1" } })],
    ["bytes", (R) => new R(new Uint8Array([104, 105]))],
    ["json", (R) => R.json({ a: [1] }, { status: 201, headers: { "x-one": "1" } })],
    ["a blob", (R) => new R(new Blob(["b"], { type: "text/q" }))],
    ["search parameters", (R) => new R(new URLSearchParams("a=1"))],
    ["a redirect", (R) => R.redirect("https://a.example/", 307)],
    ["204", (R) => new R(null, { status: 204 })],
  ];
  test.each(cases)("equals a real one: %s", async (_name, make) => {
    const look = async (response: Response) => ({
      status: response.status,
      statusText: response.statusText,
      ok: response.ok,
      type: response.type,
      headers: [...(response.headers as unknown as Iterable<[string, string]>)],
      hasBody: response.body !== null,
      clone: await response.clone().text(),
      text: await response.text(),
      used: response.bodyUsed,
      instance: response instanceof Response,
      light: response instanceof LightResponse,
    });
    expect(await look(make(LightResponse))).toEqual(await look(make(Response)));
  });

  test.each([
    ["a body with 204", (R: typeof Response) => new R("x", { status: 204 })],
    ["status 99", (R: typeof Response) => new R("x", { status: 99 })],
    ["a bad header", (R: typeof Response) => new R("x", { headers: { "x y": "1" } }).headers],
  ])("rejects what a real one rejects: %s", (_name, make) => {
    expect(() => make(Response)).toThrow();
    expect(() => make(LightResponse)).toThrow();
  });

  test("can replace the global", async () => {
    const before = globalThis.Response;
    globalThis.Response = LightResponse;
    try {
      const response = new Response("x");
      expect(response).toBeInstanceOf(Response);
      expect(new before("y")).toBeInstanceOf(Response);
      expect(await response.text()).toBe("x");
      class Special extends Response {}
      expect(new Special("z")).toBeInstanceOf(Special);
      const exchange = await run(new FakeExchange(), () => new Response("sent"));
      expect(exchange.content).toBe("sent");
    } finally {
      globalThis.Response = before;
    }
  });
});

test("without room, a stream is not read, its head is sent, and its prepared bytes are counted", async () => {
  const exchange = new FakeExchange();
  exchange.room = false;
  let pulls = 0;
  const body = new ReadableStream({
    pull: (controller) => {
      pulls += 1;
      controller.enqueue(new Uint8Array(100));
      if (pulls === 3) controller.close();
    },
  });
  const over = run(exchange, () => new Response(body));
  await vi.waitUntil(() => exchange.status === 200);
  expect([pulls, exchange.writes, exchange.preparedBytes]).toEqual([1, 0, 65_536]);
  exchange.room = true;
  exchange.onDrain!();
  await over;
  expect([pulls, exchange.writes, exchange.preparedBytes]).toEqual([3, 3, 100]);
});
