/** What is left of requests when a connection ends. */

import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../wire/text.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";
import { H3Pair, readAll } from "./testing/pair.ts";
import { frame, headers, RawPeer, REQUEST, varint } from "./testing/raw-peer.ts";

const code = (name: keyof typeof H3_ERRORS): number => H3_ERRORS[name].code;
const GET = { method: "GET", scheme: "https", authority: "example.com", path: "/", fields: [] };

describe("closing", () => {
  test("notifies both sides, and makes all commands no-ops", () => {
    const pair = new H3Pair().run();
    const id = pair.client.connection.request(GET, true)!;
    pair.run();
    pair.server.connection.close(code("H3_NO_ERROR"), "bye");
    pair.run();
    const reason = { layer: "application", code: code("H3_NO_ERROR"), phrase: "bye" };
    expect(pair.server.of("closed")).toEqual([{ type: "closed", reason: { type: "local", ...reason } }]);
    expect(pair.client.of("closed")).toEqual([{ type: "closed", reason: { type: "peer", ...reason } }]);
    for (const { connection } of [pair.client, pair.server]) {
      expect(connection.isClosed).toBe(true);
      expect(connection.request(GET, true)).toBeUndefined();
      connection.respond(id, 200, [], true);
      connection.inform(id, 103, []);
      connection.sendTrailers(id, []);
      connection.writeData(id, utf8("x"), true);
      connection.stopReading(id);
      connection.cancel(id);
      connection.goaway();
      connection.close();
      connection.handleTransportEvent({ type: "stream-opened", id: 400 });
      expect(connection.readData(id)).toBeUndefined();
      expect(connection.pollEvent()).toBeUndefined();
    }
  });

  test("leaves a response that has arrived completely to be read, with its trailers", () => {
    const pair = new H3Pair().run();
    const [whole, partial] = [pair.client.connection.request(GET, true)!, pair.client.connection.request(GET, true)!];
    pair.run();
    for (const id of [whole, partial]) {
      pair.server.connection.respond(id, 200, [], false);
      pair.server.connection.writeData(id, utf8("content"), false);
    }
    pair.server.connection.sendTrailers(whole, [["a", "b"]]);
    pair.run();
    pair.server.connection.close();
    pair.run();
    const { connection } = pair.client;
    expect([connection.has(whole), connection.has(partial)]).toEqual([true, false]);
    expect(readAll(pair.client, whole)).toEqual(utf8("content"));
    expect(connection.readData(partial)).toBeUndefined();
    expect(pair.client.of("trailers")).toEqual([{ type: "trailers", id: whole, fields: [["a", "b"]] }]);
    expect(pair.client.of("finished")).toEqual([{ type: "finished", id: whole }]);
    expect(connection.has(whole)).toBe(false);
  });

  test("resets such a response if it turns out to be malformed", () => {
    const peer = new RawPeer("client");
    peer.run();
    const id = peer.victim.connection.request(GET, true)!;
    peer.run();
    const cut = frame(FrameType.DATA, utf8("content")).subarray(0, -1);
    peer.transport.write(id, concat(headers([[":status", "200"]]), cut), true);
    peer.run();
    peer.transport.close(code("H3_NO_ERROR"), "");
    peer.run();
    expect(peer.victim.connection.readData(id)?.bytes).toEqual(utf8("conten"));
    expect(peer.victim.connection.readData(id)).toBeUndefined();
    peer.victim.drain();
    expect(peer.victim.of("reset")).toMatchObject([{ id, retryable: false }]);
    expect(peer.victim.connection.has(id)).toBe(false);
  });

  test("because of an error drops a request that arrived with it", () => {
    const peer = new RawPeer("server");
    const id = peer.openRequest();
    // Both in the same turn.
    peer.transport.write(id, concat(headers(REQUEST), frame(FrameType.CANCEL_PUSH, varint(0))), false);
    peer.run();
    expect(peer.victim.events.map(({ type }) => type)).toEqual(["closed"]);
  });
});
