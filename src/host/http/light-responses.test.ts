/** Responses are sent without what they would cost, with the same result: without a stream, and without a Headers. */
import { expect, test } from "vitest";
import { createFetchHandler, type Handler } from "./fetch-handler.ts";
import { LightResponse } from "./plain-response.ts";
import { FakeExchange } from "./testing/fake-exchange.ts";

async function run(exchange: FakeExchange, handler: Handler, lines: string[] = []): Promise<FakeExchange> {
  createFetchHandler(handler, { log: (line) => lines.push(line) }).handle(exchange);
  await exchange.over;
  return exchange;
}

test("the response has the content that is left, whatever happened to its body before", async () => {
  const text = new TextEncoder().encode("four");
  const cases: readonly [make: () => Response | Promise<Response>, content: string][] = [
    [() => new Response(text.buffer), "four"],
    [() => new Response(text.subarray(1, 3)), "ou"],
    [() => new Response("grüße"), "grüße"],
    [() => new Response(new Blob(["four"])), "four"],
    [() => new Response(new URLSearchParams("a=b")), "a=b"],
    [() => new Response(""), ""],
    [() => new Response("four").clone(), "four"],
    [
      () => {
        const response = new Response("four");
        void response.clone().text();
        return response;
      },
      "four",
    ],
    [() => new Response(new Response("four").body), "four"],
  ];
  for (const [make, content] of cases) {
    const exchange = await run(new FakeExchange(), make);
    expect(exchange.content).toBe(content);
    // Some Nodes need more turns to read a clone, and it has no length then.
    const length = new Map(exchange.head).get("content-length") ?? String(Buffer.byteLength(content));
    expect(length).toBe(String(Buffer.byteLength(content)));
  }
  const changed = new Uint8Array([0x61, 0x62]);
  const exchange = await run(new FakeExchange(), () => {
    const response = new Response(changed);
    changed.fill(0x63);
    return response;
  });
  expect(exchange.content).toBe("ab");
});

test("a response whose body was read becomes a 500 or a reset, as it cannot be read again", async () => {
  const read: Handler = async () => {
    const response = new Response("four");
    await response.text();
    return response;
  };
  const locked: Handler = () => {
    const response = new Response("four");
    response.body!.getReader();
    return response;
  };
  for (const handler of [read, locked]) {
    const lines: string[] = [];
    const exchange = await run(new FakeExchange(), handler, lines);
    expect([exchange.status, lines.length]).toEqual([500, 1]);
  }
});

test.each<[what: string, body: string | Uint8Array | null, init: ResponseInit | undefined]>([
  ["nothing", "x", undefined],
  ["nothing, for bytes", new Uint8Array(1), undefined],
  ["nothing, and no body", null, undefined],
  ["an empty record", "x", { headers: {} }],
  ["names in any case and order", "x", { headers: { "X-Two": "2", "content-TYPE": "a/b", "x-one": "1" } }],
  ["one name in two cases", "x", { headers: { "X-A": "1", "x-a": "2" } }],
  ["a value with spaces around it", "x", { headers: { "x-a": " 1 ", "x-b": "" } }],
  ["a number", "x", { headers: { "x-a": 1 } as unknown as Record<string, string> }],
  [
    "pairs",
    "x",
    {
      headers: [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ],
    },
  ],
  ["a Headers", "x", { headers: new Headers({ "x-a": "1" }) }],
  ["fields of the connection", "x", { headers: { connection: "close", te: "gzip", "x-a": "1" } }],
  ["a length", "x", { headers: { "content-length": "9" } }],
])("a light response has the fields of a real one that was given %s", async (_what, body, init) => {
  const [light, real] = await Promise.all(
    [LightResponse, Response].map((R) => run(new FakeExchange(), () => new R(body as string, init))),
  );
  expect(light!.head).toEqual(real!.head);
  expect(light!.content).toBe(real!.content);
});

test("a light response has the fields that were changed later, and fails as a real one does", async () => {
  const changed = await run(new FakeExchange(), () => {
    const response = new LightResponse("x", { headers: { "x-a": "1" } });
    response.headers.set("x-a", "2");
    return response;
  });
  expect(new Map(changed.head).get("x-a")).toBe("2");
  const lines: string[] = [];
  const bad = await run(new FakeExchange(), () => new LightResponse("x", { headers: { "x-a": "1\n2" } }), lines);
  expect([bad.status, lines.length]).toEqual([500, 1]);
});
