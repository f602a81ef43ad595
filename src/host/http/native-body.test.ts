/** The body of Node's own Response is sent without its stream, with the same result. */
import { expect, test } from "vitest";
import { createFetchHandler, type Handler } from "./fetch-handler.ts";
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
