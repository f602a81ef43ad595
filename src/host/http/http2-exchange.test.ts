/** Failed responses on the wire (RFC 9113 §8.1): RST_STREAM, and never END_STREAM. */

import { connect } from "node:http2";
import { PassThrough } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { deferred } from "../../edge/testing/async.ts";
import { loadIdentity } from "../certificates/identity.ts";
import type { ServerExchange } from "./exchange.ts";
import { watchEndStream } from "./http2-end-stream.ts";
import type { Http2ServerExchange } from "./http2-exchange.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";
import { RawHttp2 } from "./testing/raw-http2.ts";

const INTERNAL_ERROR = 0x2;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(onExchange: (exchange: ServerExchange) => void, window?: number): Promise<RawHttp2> {
  const listener = new TcpListener({ identities: [loadIdentity(localhostIdentity)], onExchange, onKeyLog: undefined });
  closers.push(() => listener.close(0));
  const { port } = await listener.listen(0, "127.0.0.1");
  const client = await RawHttp2.open(port, window);
  closers.push(() => client.close());
  return client;
}

const failure = new Error("disk gone");

describe.each(["GET", "POST"] as const)("a response to %s that fails ends with RST_STREAM alone", (method) => {
  const cases: [string, (exchange: ServerExchange) => void][] = [
    ["before its head", (exchange) => exchange.reset(failure)],
    [
      "after its head",
      (exchange) => {
        exchange.respond(200, []);
        exchange.reset(failure);
      },
    ],
    [
      "after its head, while trailers were expected",
      (exchange) => {
        exchange.respond(200, [], { trailers: true });
        exchange.write(new Uint8Array(10));
        exchange.reset(failure);
      },
    ],
    [
      "in the same turn as a chunk",
      (exchange) => {
        exchange.respond(200, []);
        exchange.write(new Uint8Array(10));
        exchange.reset(failure);
      },
    ],
    [
      "with chunks waiting",
      (exchange) => {
        exchange.respond(200, []);
        for (let i = 0; i < 10; i += 1) exchange.write(new Uint8Array(50_000));
        exchange.reset(failure);
      },
    ],
    [
      "in the turn after a chunk",
      (exchange) => {
        exchange.respond(200, []);
        exchange.write(new Uint8Array(10));
        setImmediate(() => exchange.reset(failure));
      },
    ],
  ];

  test.each(cases)("%s", async (_when, fail) => {
    const exchanges: ServerExchange[] = [];
    const client = await start((exchange) => {
      exchanges.push(exchange);
      if (exchanges.length === 1) fail(exchange);
      else {
        exchange.respond(200, []);
        exchange.end(new TextEncoder().encode("ok"));
      }
    });
    expect(await client.end(client.request(method), true)).toMatchObject({ endStream: false, reset: INTERNAL_ERROR });
    // The connection continues.
    expect(await client.end(client.request("GET"), false)).toEqual({ bytes: 2, endStream: true, reset: undefined });
  });

  test("after a chunk has arrived", async () => {
    const begun = deferred<ServerExchange>();
    const client = await start((exchange) => {
      exchange.respond(200, []);
      exchange.write(new Uint8Array(10));
      begun.resolve(exchange);
    });
    const stream = client.request(method);
    await client.received(stream, 10);
    (await begun.promise).reset(failure);
    expect(await client.end(stream, true)).toEqual({ bytes: 10, endStream: false, reset: INTERNAL_ERROR });
  });

  test("after its end, while the client's window delays it", async () => {
    const ended = deferred<ServerExchange>();
    const client = await start((exchange) => {
      exchange.respond(200, []);
      exchange.end(new Uint8Array(1_000));
      ended.resolve(exchange);
    }, 100);
    const stream = client.request(method);
    await client.received(stream, 100);
    (await ended.promise).reset(failure);
    await client.received(client.request("GET"), 100);
    expect(await client.end(stream, true)).toEqual({ bytes: 100, endStream: false, reset: INTERNAL_ERROR });
  });

  test("while the client's window is full", async () => {
    const begun = deferred<ServerExchange>();
    const client = await start((exchange) => {
      exchange.respond(200, []);
      exchange.write(new Uint8Array(1_000));
      begun.resolve(exchange);
    }, 100);
    const stream = client.request(method);
    await client.received(stream, 100);
    (await begun.promise).reset(failure);
    expect(await client.end(stream, true)).toEqual({ bytes: 100, endStream: false, reset: INTERNAL_ERROR });
  });
});

test.each([0, 2, 8])("a request that the client resets with RST_STREAM(%i) is aborted, not ended", async (code) => {
  const begun = deferred<ServerExchange>();
  const settled = deferred<string>();
  const client = await start((exchange) => {
    const { body } = exchange;
    const read = (): void => {
      while (body.read() !== undefined) begun.resolve(exchange);
      if (body.state !== "open") settled.resolve(body.state);
    };
    body.onReadable = read;
    read();
  });
  const stream = client.request("POST");
  const exchange = await begun.promise;
  client.reset(stream, code);
  expect(await settled.promise).toBe("aborted");
  expect(exchange.aborted).toBeInstanceOf(Error);
});

test.each([0, 8])(
  "a request that the client resets with RST_STREAM(%i) after the response is aborted",
  async (code) => {
    const settled = deferred<string>();
    const client = await start((exchange) => {
      const { body } = exchange;
      const read = (): void => {
        while (body.read() !== undefined);
        if (body.state !== "open") settled.resolve(body.state);
      };
      body.onReadable = read;
      exchange.respond(200, []);
      exchange.end(new Uint8Array(1_000)); // the client's window delays it
      read();
    }, 100);
    const stream = client.request("POST");
    await client.received(stream, 100);
    client.reset(stream, code);
    expect(await settled.promise).toBe("aborted");
  },
);

test("a request with END_STREAM is complete, even after its response has begun", async () => {
  const settled = deferred<string>();
  const client = await start((exchange) => {
    const { body } = exchange;
    const read = (): void => {
      while (body.read() !== undefined);
      if (body.state !== "open") settled.resolve(body.state);
    };
    body.onReadable = read;
    exchange.respond(200, []);
    exchange.write(new Uint8Array(10));
    read();
  });
  const stream = client.request("POST");
  await client.received(stream, 10);
  client.endStream(stream);
  expect(await settled.promise).toBe("ended");
});

test("a response to an unread body is sent completely through a small window, then RST_STREAM(NO_ERROR)", async () => {
  const client = await start((exchange) => {
    exchange.respond(200, []);
    exchange.end(new Uint8Array(1_000));
  }, 100);
  const stream = client.request("POST");
  await client.received(stream, 100);
  client.openWindow(stream, 1_000);
  expect(await client.end(stream, true)).toEqual({ bytes: 1_000, endStream: true, reset: 0 });
});

test("a response without content is sent before the reset that stops an unread body (RFC 9113 §8.1)", async () => {
  // In the same turn as the request: Node has not sent the head yet when the response finishes.
  const client = await start((exchange) => exchange.respond(204, [], { endStream: true }));
  const NO_ERROR = 0;
  expect(await client.end(client.request("POST"), true)).toEqual({ bytes: 0, endStream: true, reset: NO_ERROR });
});

test.each(["has sent all of it", "still sends it"])(
  "a stream whose request was read in part closes after the response, if the client %s",
  async (when) => {
    const all = when === "has sent all of it";
    const closed = deferred<void>();
    const listener = new TcpListener({
      identities: [loadIdentity(localhostIdentity)],
      onExchange,
      onKeyLog: undefined,
    });
    function onExchange(exchange: ServerExchange): void {
      exchange.onClose = () => closed.resolve();
      const { body } = exchange;
      body.onReadable = () => {
        // Some stays unread, in Node's buffer.
        if (body.read() === undefined || exchange.status !== undefined) return;
        body.onReadable = undefined;
        exchange.respond(200, []);
        const end = (): void => {
          if ((exchange as Http2ServerExchange).unread === 0) setImmediate(end);
          else exchange.end();
        };
        end();
      };
      body.onReadable();
    }
    closers.push(() => listener.close(0));
    const { port } = await listener.listen(0, "127.0.0.1");
    const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    closers.push(() => session.destroy());
    const stream = session.request({ ":method": "POST" });
    stream.on("error", () => {});
    stream.write(new Uint8Array(10_000));
    stream.once("response", () => {
      stream.write(new Uint8Array(10_000));
      if (all) stream.end();
    });
    await closed.promise;
  },
);

// Node announces a stream in a later tick than its HEADERS; while it is busy, all frames of the request come before.
test.each([
  ["has arrived already", 1, true],
  ["has not arrived", 0, false],
])("END_STREAM that %s when the stream is announced", (_when, remoteClose, expected) => {
  const stream = Object.assign(new PassThrough(), { state: { remoteClose } });
  expect(watchEndStream(stream as never)()).toBe(expected);
});
