import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type MemoryOptions, type MemoryTransport, memoryPair } from "../h3/testing/memory-transport.ts";
import { latin1, utf8 } from "../wire/text.ts";
import { HQ_ERROR, HqConnection, type HqEvent } from "./hq.ts";

class Side {
  readonly transport: MemoryTransport;
  readonly connection: HqConnection;
  readonly events: HqEvent[] = [];
  onEvent: (event: HqEvent) => void = () => {};

  constructor(transport: MemoryTransport) {
    this.transport = transport;
    this.connection = new HqConnection(transport);
  }

  turn(): boolean {
    const delivered = this.transport.deliverOne();
    const events = this.transport.events.splice(0);
    for (const event of events) this.connection.handleTransportEvent(event);
    for (let event = this.connection.pollEvent(); event !== undefined; event = this.connection.pollEvent()) {
      this.events.push(event);
      this.onEvent(event);
    }
    return delivered || events.length > 0;
  }
}

function makePair(options: MemoryOptions = {}) {
  const transports = memoryPair(options);
  const client = new Side(transports.client);
  const server = new Side(transports.server);
  const run = (): void => {
    while ([client.turn(), server.turn()].includes(true));
  };
  run();
  return { client, server, run };
}

test("a path, its content", () => {
  const { client, server, run } = makePair({ window: 50, rng: new SeededRng(3) });
  const content = new Uint8Array(1000).map((_, i) => i);
  let unsent: Uint8Array = content;
  server.onEvent = (event) => {
    if (event.type !== "request" && event.type !== "writable") return;
    for (let hasRoom = true; hasRoom && unsent.length > 0; unsent = unsent.subarray(100)) {
      hasRoom = server.connection.writeData(event.id, unsent.subarray(0, 100), unsent.length <= 100);
    }
  };
  const received: number[] = [];
  let ended = false;
  client.onEvent = (event) => {
    if (event.type !== "data") return;
    for (
      let c = client.connection.readData(event.id, 7);
      c !== undefined;
      c = client.connection.readData(event.id, 7)
    ) {
      received.push(...c.bytes);
      ended ||= c.fin;
    }
  };
  const id = client.connection.request("/a/file.bin");
  run();
  expect(server.events[0]).toEqual({ type: "request", id, path: "/a/file.bin" });
  expect(Uint8Array.from(received)).toEqual(content);
  expect(ended).toBe(true);
});

describe("request lines", () => {
  const lineOf = (text: string, fin: boolean) => {
    const { client, server, run } = makePair();
    const id = client.transport.openStream("bidi")!;
    client.transport.write(id, latin1(text), fin);
    run();
    return { events: server.events, reset: server.transport.resets.get(id) };
  };

  test.each([
    ["GET /\r\n", false],
    ["GET /\n", true],
    ["GET /", true],
  ])("%j", (text, fin) => {
    expect(lineOf(text, fin).events).toMatchObject([{ type: "request", path: "/" }]);
  });

  test.each(["POST /\r\n", "GET a\r\n", "GET /a b\r\n", "GET /\r\nmore", "\r\n", "GET /\0\n"])(
    "%j is invalid",
    (text) => {
      expect(lineOf(text, true)).toEqual({ events: [], reset: HQ_ERROR });
    },
  );

  test("an endless one", () => {
    expect(lineOf(`GET /${"a".repeat(10_000)}`, false)).toEqual({ events: [], reset: HQ_ERROR });
  });

  test("a client requests only paths", () => {
    const { connection } = makePair().client;
    for (const path of ["", "a", "/a b", "/\r\n", `/${"a".repeat(9000)}`]) {
      expect(() => connection.request(path)).toThrow(TypeError);
    }
  });
});

test("a server without content", () => {
  const { client, server, run } = makePair();
  server.onEvent = (event) => {
    if (event.type === "request") server.connection.cancel(event.id);
  };
  const id = client.connection.request("/missing");
  run();
  expect(client.events).toEqual([{ type: "reset", id, code: HQ_ERROR }]);
});

test("more requests than streams", () => {
  const { client, run } = makePair({ maxBidiStreams: 1 });
  expect(client.connection.request("/1")).toBe(0);
  expect(client.connection.request("/2")).toBeUndefined();
  client.transport.grantStreams("bidi", 1);
  run();
  expect(client.events).toEqual([{ type: "requests-available" }]);
  expect(client.connection.request("/2")).toBe(4);
});

test("the end of a request that comes after its line is read too", () => {
  const { client, server, run } = makePair();
  const id = client.transport.openStream("bidi")!;
  client.transport.write(id, latin1("GET /\r\n"), false);
  run();
  expect(server.events).toEqual([{ type: "request", id, path: "/" }]);
  client.transport.write(id, new Uint8Array(0), true);
  run();
  expect(server.transport.read(id)).toBeUndefined();
});

test("a client still receives the content if the server stops the request", () => {
  const { client, server, run } = makePair();
  const id = client.connection.request("/")!;
  run();
  client.connection.handleTransportEvent({ type: "stream-stopped", id, code: 0 });
  server.connection.writeData(id, utf8("content"), true);
  run();
  expect(client.events).toEqual([{ type: "data", id }]);
});

test("closing", () => {
  const { client, server, run } = makePair();
  client.connection.close(0, "done");
  run();
  expect(client.connection.isClosed && server.connection.isClosed).toBe(true);
  expect(server.events).toMatchObject([{ type: "closed", reason: { type: "peer", phrase: "done" } }]);
  expect(client.connection.request("/")).toBeUndefined();
  expect(server.connection.writeData(0, utf8("x"), true)).toBe(true);
  expect(server.connection.readData(0)).toBeUndefined();
});

test("any bytes yield a request or a reset", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), fc.boolean(), (pieces, fin) => {
      const { client, server, run } = makePair();
      const id = client.transport.openStream("bidi")!;
      for (const piece of pieces) {
        client.transport.write(id, piece, false);
        run();
      }
      if (fin) client.transport.write(id, new Uint8Array(0), true);
      run();
      const requests = server.events.filter(({ type }) => type === "request");
      expect(requests.length + server.transport.resets.size).toBeLessThanOrEqual(1);
      if (fin) expect(requests.length + server.transport.resets.size).toBe(1);
    }),
  );
});
