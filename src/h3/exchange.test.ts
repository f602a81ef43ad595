import { describe, expect, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { fromUtf8, utf8 } from "../wire/text.ts";
import type { H3Connection } from "./connection.ts";
import { H3Pair, readAll } from "./testing/pair.ts";

const GET = { method: "GET", scheme: "https", authority: "example.com", path: "/", fields: [] };
const POST = { ...GET, method: "POST" };

describe("a request and its response", () => {
  test("GET without content", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request({ ...GET, fields: [["accept", "*/*"]] }, true)!;
    pair.run();
    expect(pair.server.of("request")).toMatchObject([
      { id, fin: true, head: { method: "GET", scheme: "https", authority: "example.com", path: "/" } },
    ]);
    expect(pair.server.of("request")[0]!.head.fields).toEqual([["accept", "*/*"]]);
    expect(pair.server.of("finished")).toEqual([{ type: "finished", id }]);
    pair.server.connection.respond(id, 204, [["x-served-by", "test"]], true);
    pair.run();
    expect(pair.client.of("response")).toEqual([
      {
        type: "response",
        id,
        fin: true,
        head: { status: 204, fields: [["x-served-by", "test"]], contentLength: undefined },
      },
    ]);
    expect(pair.client.connection.openRequests).toBe(0);
    expect(pair.server.connection.openRequests).toBe(0);
  });

  test("a head and content", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.respond(id, 200, [["content-length", "5"]], false);
    expect(pair.server.connection.writeData(id, utf8("hello"), true)).toBe(true);
    pair.run();
    expect(pair.client.of("response")[0]!.head.contentLength).toBe(5);
    expect(fromUtf8(readAll(pair.client, id))).toBe("hello");
    expect(pair.client.of("finished")).toHaveLength(1);
  });

  test("a whole response in one write, whose content is copied", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    const content = utf8("hello");
    pair.server.connection.respondWhole(id, 200, [["content-length", "5"]], content);
    content.fill(0);
    pair.run();
    expect(pair.client.of("response")[0]!.head.contentLength).toBe(5);
    expect(fromUtf8(readAll(pair.client, id))).toBe("hello");
    expect(pair.client.of("finished")).toHaveLength(1);
    expect(pair.server.connection.openRequests).toBe(0);
    expect(() => pair.server.connection.respondWhole(id, 103, [], content)).toThrow("not a final status");
  });

  test.each([1, 2, 3, 7, 64, 1000])("content in both directions through a window of %i bytes", (window) => {
    const pair = new H3Pair({ window, rng: new SeededRng(window) });
    const content = new Uint8Array(3000).map((_, i) => i * 7);
    const received: number[] = [];
    const unsent = [content.subarray(0, 1_000), content.subarray(1_000, 1_001), content.subarray(1_001)];
    const rest = [...unsent];
    const write = (connection: H3Connection, id: number, parts: Uint8Array[]): void => {
      for (let hasRoom = true; hasRoom && parts.length > 0; ) {
        hasRoom = connection.writeData(id, parts.shift()!, parts.length === 0);
      }
    };
    pair.server.onEvent = (event) => {
      if (event.type !== "data" && event.type !== "request" && event.type !== "writable" && event.type !== "finished")
        return;
      const { id } = event;
      if (event.type === "request") {
        pair.server.connection.respond(id, 200, [["content-length", "3000"]], false);
      }
      for (let c = pair.server.connection.readData(id); c !== undefined; c = pair.server.connection.readData(id)) {
        received.push(...c.bytes);
      }
      write(pair.server.connection, id, unsent);
    };
    pair.run();
    const id = pair.client.connection.request(POST, false)!;
    const echoed: number[] = [];
    pair.client.onEvent = (event) => {
      if (event.type === "writable") {
        write(pair.client.connection, id, rest);
      } else if (event.type === "data") {
        for (let c = pair.client.connection.readData(id); c !== undefined; c = pair.client.connection.readData(id)) {
          echoed.push(...c.bytes);
        }
      }
    };
    write(pair.client.connection, id, rest);
    pair.run();
    expect(Uint8Array.from(received)).toEqual(content);
    expect(Uint8Array.from(echoed)).toEqual(content);
    expect(pair.client.of("finished")).toHaveLength(1);
    expect(pair.server.of("finished")).toHaveLength(1);
    expect(pair.client.connection.openRequests + pair.server.connection.openRequests).toBe(0);
  });

  test("interim responses, content, trailers", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.inform(id, 103, [["link", "</a.css>; rel=preload"]]);
    pair.server.connection.inform(id, 100, []);
    pair.server.connection.respond(id, 200, [], false);
    expect(pair.server.connection.writeData(id, utf8("body"), false)).toBe(true);
    pair.server.connection.sendTrailers(id, [["x-checksum", "1"]]);
    pair.run();
    expect(pair.client.of("informational").map((event) => event.status)).toEqual([103, 100]);
    expect(pair.client.of("response")[0]!.head.status).toBe(200);
    expect(pair.client.of("trailers")).toHaveLength(0);
    expect(fromUtf8(readAll(pair.client, id))).toBe("body");
    expect(pair.client.of("trailers")).toEqual([{ type: "trailers", id, fields: [["x-checksum", "1"]] }]);
    expect(pair.client.of("finished")).toHaveLength(1);
  });

  test("requests wait for streams", () => {
    const pair = new H3Pair({ maxBidiStreams: 1 }).run();
    expect(pair.client.connection.request(GET, true)).toBe(0);
    expect(pair.client.connection.request(GET, true)).toBeUndefined();
    pair.run();
    expect(pair.client.of("requests-available")).toHaveLength(0);
    pair.client.transport.grantStreams("bidi", 1);
    pair.run();
    expect(pair.client.of("requests-available")).toHaveLength(1);
    expect(pair.client.connection.request(GET, true)).toBe(4);
  });
});
