/** How requests end without success: resets, refusals, limits, GOAWAY. */

import { describe, expect, test } from "vitest";
import { SendSource } from "../quic/index.ts";
import { fromHex } from "../wire/hex.ts";
import { concat, utf8 } from "../wire/text.ts";
import type { H3Connection } from "./connection.ts";
import { H3_ERRORS, InvalidMessageError } from "./errors.ts";
import { FrameType } from "./frames.ts";
import { H3Pair, readAll } from "./testing/pair.ts";
import { data, frame, headers, RawPeer, REQUEST, RESPONSE, settings, varint } from "./testing/raw-peer.ts";

const code = (name: keyof typeof H3_ERRORS): number => H3_ERRORS[name].code;
const GET = { method: "GET", scheme: "https", authority: "example.com", path: "/", fields: [] };
const POST = { ...GET, method: "POST" };

describe("cancelling", () => {
  test("by a client resets both directions at the server", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(POST, false)!;
    pair.run();
    pair.server.connection.respond(id, 200, [], false);
    pair.client.connection.cancel(id);
    pair.run();
    expect(pair.server.of("reset")).toMatchObject([{ id, code: code("H3_REQUEST_CANCELLED"), by: "peer" }]);
    expect(pair.server.of("stopped")).toMatchObject([{ id, code: code("H3_REQUEST_CANCELLED") }]);
    expect(pair.client.connection.openRequests).toBe(0);
    // The application has not finished yet: what it still sends is dropped.
    expect(pair.server.connection.openRequests).toBe(1);
    expect(pair.server.connection.writeData(id, utf8("late"), false)).toBe(true);
    expect(pair.server.connection.readData(id)).toBeUndefined();
    expect(pair.server.transport.resets.size).toBe(0);
    pair.server.connection.sendTrailers(id, []);
    expect(pair.server.transport.resets.has(id)).toBe(true);
    expect(pair.server.connection.openRequests).toBe(0);
    expect(pair.run().client.of("response")).toEqual([]);
  });

  test.each<readonly [string, (server: H3Connection, id: number) => void]>([
    ["cancel", (server, id) => server.cancel(id)],
    ["a last write", (server, id) => void server.writeData(id, utf8("x"), true)],
    ["a whole response", (server, id) => void server.respond(id, 200, [], true)],
  ])("a stopped response ends, for the client to have another stream, with %s", (_, end) => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.client.connection.cancel(id);
    pair.run();
    expect(pair.server.of("stopped")).toHaveLength(1);
    expect(pair.server.connection.openRequests).toBe(1);
    end(pair.server.connection, id);
    expect(pair.server.transport.resets.has(id)).toBe(true);
    expect(pair.server.connection.openRequests).toBe(0);
    // Nothing was encoded that will never be acknowledged.
    expect(pair.server.transport.writes.filter((write) => write.id === id)).toEqual([]);
  });

  test("by a server that rejects the request: the client may retry", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(POST, false)!;
    pair.run();
    pair.server.connection.cancel(id, code("H3_REQUEST_REJECTED"));
    pair.run();
    expect(pair.client.of("reset")).toMatchObject([{ id, code: code("H3_REQUEST_REJECTED"), retryable: true }]);
    expect(pair.client.connection.openRequests).toBe(0);
    expect(pair.server.connection.openRequests).toBe(0);
  });

  test("by a server that fails after it began: the client may not retry", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.respond(id, 200, [], false);
    pair.run();
    pair.server.connection.cancel(id, code("H3_INTERNAL_ERROR"));
    pair.run();
    expect(pair.client.of("reset")).toMatchObject([{ id, code: code("H3_INTERNAL_ERROR"), retryable: false }]);
  });

  test("the rest of a request after an early response", () => {
    const pair = new H3Pair({ window: 1000 }).run();
    const id = pair.client.connection.request(POST, false)!;
    pair.client.connection.writeData(id, new Uint8Array(5000), false);
    pair.run();
    pair.server.connection.respond(id, 413, [], true);
    pair.server.connection.stopReading(id);
    pair.run();
    expect(pair.client.of("stopped")).toMatchObject([{ id, code: code("H3_NO_ERROR") }]);
    expect(pair.client.of("response")[0]!.head.status).toBe(413);
    expect(pair.client.of("reset")).toEqual([]);
    expect(pair.server.connection.openRequests + pair.client.connection.openRequests).toBe(0);
  });

  test("of a request that ends before its head (RFC 9114 §4.1)", () => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    peer.send(id, new Uint8Array(0), true);
    expect(peer.victim.transport.resets.get(id)).toBe(code("H3_REQUEST_INCOMPLETE"));
    expect(peer.victim.events.filter(({ type }) => type !== "settings")).toEqual([]);
    expect(peer.victim.connection.openRequests).toBe(0);
  });

  test("of a stream that is reset before its head leaves no state", () => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    peer.send(id, fromHex("0110"));
    peer.transport.reset(id, code("H3_REQUEST_CANCELLED"));
    peer.run();
    expect(peer.victim.connection.openRequests).toBe(0);
    expect(peer.victim.of("reset")).toEqual([]);
    expect(peer.victim.transport.resets.has(id)).toBe(true);
  });

  test("of a stream also cancels its blocked section at the encoder (RFC 9204 §2.2.2.2)", () => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    peer.send(id, frame(FrameType.HEADERS, fromHex("020080")));
    peer.transport.reset(id, 0);
    peer.run();
    const decoderStream = peer.victim.transport.writes.filter((write) => write.id === 7);
    expect(decoderStream.at(-1)?.bytes).toEqual(fromHex("40"));
  });
});

describe("a flood of cancelled requests", () => {
  const cycle = (peer: RawPeer): void => {
    const id = peer.openRequest();
    peer.send(id, headers(REQUEST));
    peer.transport.reset(id, code("H3_REQUEST_CANCELLED"));
    peer.transport.stopSending(id, code("H3_REQUEST_CANCELLED"));
    peer.run();
  };

  /** More content than announced, which makes the server reset the stream. */
  const provoke = (peer: RawPeer): void => {
    const id = peer.openRequest();
    peer.send(id, concat(headers([...REQUEST, ["content-length", "1"]]), data(2)), true);
  };

  test.each([
    ["ends", cycle],
    ["ends, if the server is made to reset them,", provoke],
  ])("%s with H3_EXCESSIVE_LOAD", (_, cycle) => {
    const peer = new RawPeer("server", { maxBidiStreams: 10_000 });
    let cycles = 0;
    for (; peer.closeCode === undefined && cycles < 1000; cycles += 1) cycle(peer);
    expect(peer.closeCode).toBe(code("H3_EXCESSIVE_LOAD"));
    expect(cycles).toBeGreaterThan(100);
    expect(cycles).toBeLessThanOrEqual(202);
    expect(peer.victim.connection.openRequests).toBe(0);
  });

  test("is allowed if as many requests get responses", () => {
    const peer = new RawPeer("server", { maxBidiStreams: 10_000 });
    for (let i = 0; i < 1000; i += 1) {
      cycle(peer);
      const id = peer.openRequest();
      peer.send(id, headers(REQUEST), true);
      peer.victim.connection.respond(id, 204, [], true);
      peer.run();
    }
    expect(peer.closeCode).toBeUndefined();
  });
});

describe("field sections that are too large (RFC 9114 §4.2.2)", () => {
  const big = "x".repeat(70_000);

  test("in a request's head: 431", () => {
    for (const bomb of [
      headers([...REQUEST, ["x", big]]),
      frame(FrameType.HEADERS, fromHex(`0000${"d1".repeat(2000)}`)),
    ]) {
      const peer = new RawPeer("server");
      peer.openControl();
      const id = peer.openRequest();
      peer.send(id, bomb);
      expect(peer.victim.of("request")).toEqual([]);
      expect(peer.victim.transport.stops.get(id)).toBe(code("H3_NO_ERROR"));
      const answer = peer.victim.transport.writes.filter((write) => write.id === id);
      expect(answer).toHaveLength(1);
      expect(answer[0]!.bytes).toEqual(
        headers([
          [":status", "431"],
          ["content-length", "0"],
        ]),
      );
      expect(answer[0]!.fin).toBe(true);
      expect(peer.closeCode).toBeUndefined();
      expect(peer.victim.connection.openRequests).toBe(0);
    }
  });

  test("in a response's head, interim head or trailers end the stream", () => {
    for (const before of [[], [headers([[":status", "103"]])], [headers(RESPONSE), data(0)]]) {
      const peer = new RawPeer("client", { maxFieldSectionSize: 1000 });
      const id = peer.openRequest();
      peer.send(id, concat(...before, headers([...RESPONSE, ["x", "y".repeat(1000)]])));
      expect(peer.victim.of("reset")).toMatchObject([{ id, code: code("H3_EXCESSIVE_LOAD"), by: "local" }]);
      expect(peer.closeCode).toBeUndefined();
    }
  });

  test("in a request's trailers end the stream", () => {
    const peer = new RawPeer("server", { maxFieldSectionSize: 1000 });
    const id = peer.openRequest();
    peer.send(id, concat(headers(REQUEST), headers([["x", "y".repeat(1000)]])));
    expect(peer.victim.of("reset")).toMatchObject([{ id, code: code("H3_EXCESSIVE_LOAD") }]);
  });

  test("are not sent if the peer does not accept them", () => {
    const peer = new RawPeer("client");
    peer.openControl(settings([6, 300]));
    const request = (length: number) =>
      peer.victim.connection.request({ ...GET, fields: [["x", "y".repeat(length)]] }, true);
    // Four pseudo-headers and the line (42 + 44 + 53 + 38 + 33), plus the value.
    expect(() => request(91)).toThrow(InvalidMessageError);
    expect(() => request(91)).toThrow(expect.objectContaining({ code: "ERR_H3_FIELD_SECTION_TOO_LARGE" }));
    expect(peer.victim.connection.openRequests).toBe(0);
    expect(request(90)).toBe(0);
  });
});

describe("a peer that accepts hardly any fields", () => {
  const peerOf = (role: "client" | "server", limit: number): RawPeer => {
    const peer = new RawPeer(role);
    peer.openControl(settings([6, limit]));
    return peer;
  };

  test("gets no response, and the application is notified", () => {
    const peer = peerOf("server", 50);
    const id = peer.openRequest();
    peer.send(id, headers(REQUEST), true);
    const { connection } = peer.victim;
    connection.inform(id, 103, [["link", "</a.css>; rel=preload"]]);
    expect(peer.victim.transport.resets.size).toBe(0);
    connection.respond(id, 200, [["x", "long".repeat(10)]], false);
    expect(connection.writeData(id, utf8("content"), true)).toBe(true);
    expect(peer.victim.transport.writes.filter((write) => write.id === id)).toEqual([]);
    peer.run();
    expect(peer.victim.transport.resets.get(id)).toBe(code("H3_INTERNAL_ERROR"));
    expect(peer.victim.of("reset")).toMatchObject([{ id, by: "local", detail: expect.stringContaining("accepts 50") }]);
    expect(connection.openRequests).toBe(0);
  });

  test("gets a head without trailers", () => {
    const peer = peerOf("server", 50);
    const id = peer.openRequest();
    peer.send(id, headers(REQUEST), true);
    peer.victim.connection.respond(id, 200, [], false);
    peer.victim.connection.sendTrailers(id, [["x", "long".repeat(10)]]);
    peer.run();
    expect(peer.victim.transport.resets.get(id)).toBe(code("H3_INTERNAL_ERROR"));
  });

  test("does not even get 431", () => {
    const peer = peerOf("server", 4);
    const id = peer.openRequest();
    peer.send(id, headers([...REQUEST, ["x", "y".repeat(70_000)]]));
    expect(peer.victim.transport.resets.get(id)).toBe(code("H3_INTERNAL_ERROR"));
    expect(peer.victim.events.map(({ type }) => type)).toEqual(["settings"]);
    expect(peer.victim.connection.openRequests).toBe(0);
  });
});

describe("graceful shutdown (RFC 9114 §5.2)", () => {
  test("a server finishes requests in progress and refuses later ones", () => {
    const pair = new H3Pair().run();
    const first = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.goaway();
    // In transit at the same time.
    const second = pair.client.connection.request(POST, false)!;
    pair.run();
    expect(pair.client.of("goaway")).toEqual([{ type: "goaway", unprocessed: [second] }]);
    expect(pair.server.of("request").map(({ id }) => id)).toEqual([first]);
    expect(pair.server.transport.resets.get(second)).toBe(code("H3_REQUEST_REJECTED"));
    expect(pair.client.connection.isDraining).toBe(true);
    expect(pair.client.connection.request(GET, true)).toBeUndefined();
    expect(pair.server.of("drained")).toEqual([]);
    pair.server.connection.respond(first, 204, [], true);
    pair.run();
    expect(pair.client.of("response")).toHaveLength(1);
    expect(pair.server.of("drained")).toHaveLength(1);
    expect(pair.client.of("drained")).toHaveLength(1);
  });

  test("a server is drained when the client has received the whole response, not when it was written", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.goaway();
    pair.server.connection.respond(id, 200, [], false);
    pair.server.connection.writeData(id, new Uint8Array(1000), true);
    pair.server.drain();
    expect(pair.server.connection.openRequests).toBe(0);
    expect(pair.server.of("drained")).toEqual([]);
    pair.run();
    expect(pair.server.of("drained")).toHaveLength(1);
  });

  test("an idle server is drained immediately", () => {
    const pair = new H3Pair().run();
    pair.server.connection.goaway();
    pair.server.connection.goaway();
    pair.run();
    expect(pair.server.of("drained")).toHaveLength(1);
    expect(pair.client.of("goaway")).toEqual([{ type: "goaway", unprocessed: [] }]);
  });

  test("a client finishes its requests", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.client.connection.goaway();
    pair.run();
    expect(pair.server.of("goaway")).toEqual([]);
    expect(pair.client.connection.request(GET, true)).toBeUndefined();
    expect(pair.client.of("drained")).toEqual([]);
    pair.server.connection.respond(id, 204, [], true);
    pair.run();
    expect(pair.client.of("drained")).toHaveLength(1);
  });

  test("the same id or a smaller one may follow", () => {
    const peer = new RawPeer("client");
    const ids = [peer.openRequest(), peer.openRequest(), peer.openRequest()];
    const goaway = (id: number) => frame(FrameType.GOAWAY, varint(id));
    const control = peer.openControl(settings(), frame(FrameType.GOAWAY, fromHex("fffffffffffffffc")));
    peer.send(control, concat(goaway(8), goaway(8), goaway(4)));
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.of("goaway").map(({ unprocessed }) => unprocessed)).toEqual([[], [ids[2]], [], [ids[1]]]);
    expect(peer.victim.connection.openRequests).toBe(1);
  });
});

describe("our own streams", () => {
  test("wait for credit without losing anything", () => {
    const pair = new H3Pair({ maxUniStreams: 1 }).run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.respond(id, 204, [], true);
    pair.run();
    expect(pair.client.of("response")).toHaveLength(1);
    pair.client.transport.grantStreams("uni", 2);
    pair.server.transport.grantStreams("uni", 2);
    pair.run();
    expect([...pair.client.transport.streams.keys()].filter((stream) => stream % 4 === 2)).toEqual([2, 6, 10]);
  });

  test("deliver SETTINGS through a window of one byte", () => {
    const pair = new H3Pair({ window: 1 }).run();
    expect(pair.client.of("settings")[0]!.settings).toEqual({
      qpackMaxTableCapacity: 4096,
      maxFieldSectionSize: 65_536,
      qpackBlockedStreams: 16,
      enableConnectProtocol: false,
      h3Datagram: false,
      extensions: [],
    });
    expect(pair.server.connection.peerSettings).toEqual(pair.client.connection.peerSettings);
  });

  test("close the connection if the peer causes responses without reading any", () => {
    const peer = new RawPeer("client", { window: 1_000_000 });
    // `:status: 103` as entry 0, and endless interim responses that refer to it.
    peer.openUni(2, fromHex("3fe11f d803313033"));
    const id = peer.openRequest();
    const { transport } = peer.victim;
    const write = transport.write.bind(transport);
    transport.write = (stream, bytes, fin) => stream !== 6 && write(stream, bytes, fin);
    transport.writableBytes = (stream) => (stream === 6 ? 0 : 1_000);
    const interim = fromHex("0103020080".repeat(10_000));
    for (let i = 0; i < 6; i += 1) peer.send(id, interim);
    expect(peer.closeCode).toBeUndefined();
    peer.send(id, interim);
    expect(peer.closeCode).toBe(code("H3_EXCESSIVE_LOAD"));
  });
});

describe("content is pulled", () => {
  test("without reading ahead of the consumer, except what arrived with a frame's header", () => {
    const pair = new H3Pair({ window: 50_000 }).run();
    const id = pair.client.connection.request(POST, false)!;
    pair.client.connection.writeData(id, new Uint8Array(40_000), true);
    pair.run();
    expect(pair.server.of("data")).toHaveLength(1);
    const unread = pair.server.transport.streams.get(id)!.readable.reduce((sum, bytes) => sum + bytes.length, 0);
    expect(unread).toBeGreaterThan(20_000);
    expect(pair.server.connection.readData(id, 10)?.bytes.length).toBe(10);
    expect(readAll(pair.server, id).length).toBe(39_990);
    expect(pair.server.of("finished")).toHaveLength(1);
  });

  test("and the last chunk is marked", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(POST, false)!;
    pair.client.connection.writeData(id, utf8("abc"), true);
    pair.run();
    expect(pair.server.connection.readData(id, 2)).toMatchObject({ fin: false });
    expect(pair.server.connection.readData(id, 2)).toMatchObject({ fin: true });
    expect(pair.server.connection.readData(id, 2)).toBeUndefined();
  });

  test("and sent by reference, including sources", () => {
    const pair = new H3Pair({ window: 1_000_000 }).run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    const seen: unknown[] = [];
    const { transport } = pair.server;
    const write = transport.write.bind(transport);
    transport.write = (stream, bytes, fin) => {
      seen.push(bytes);
      return write(stream, bytes, fin);
    };
    pair.server.connection.respond(id, 200, [], false);
    const content = new Uint8Array(10);
    pair.server.connection.writeData(id, content, false);
    expect(seen.at(-1)).toBe(content);
    const source = new SendSource(content);
    pair.server.connection.writeData(id, source, true);
    expect(seen.at(-1)).toBe(source);
  });

  test("and its end alone follows a head that fills the window", () => {
    const pair = new H3Pair({ window: 5 }).run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.respond(id, 200, [["x", "a value longer than the window"]], false);
    pair.server.connection.writeData(id, new Uint8Array(0), true);
    pair.run();
    expect(pair.client.of("response")).toHaveLength(1);
    expect(pair.client.of("finished")).toHaveLength(1);
    expect(pair.server.connection.openRequests).toBe(0);
  });

  test("and accepted beyond the window; 'writable' follows when there is room", () => {
    const pair = new H3Pair({ window: 1_000 }).run();
    const id = pair.client.connection.request(POST, false)!;
    pair.run();
    expect(pair.client.connection.writeData(id, new Uint8Array(5_000), false)).toBe(false);
    pair.run();
    expect(pair.client.of("writable")).toEqual([]);
    expect(readAll(pair.server, id).length).toBe(5_000);
    pair.run();
    expect(pair.client.of("writable")).toEqual([{ type: "writable", id }]);
    pair.client.connection.sendTrailers(id, []);
    pair.run();
    expect(pair.server.of("finished")).toHaveLength(1);
  });
});
