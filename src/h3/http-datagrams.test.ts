/** HTTP Datagrams (RFC 9297 §2.1) between two connections, and from peers that break the rules. */

import { describe, expect, test } from "vitest";
import type { StreamId } from "../quic/transport.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { concat, utf8 } from "../wire/text.ts";
import { H3_ERRORS } from "./errors.ts";
import { H3Pair } from "./testing/pair.ts";
import { headers, RawPeer, REQUEST, RESPONSE, settings, varint } from "./testing/raw-peer.ts";

const H3_DATAGRAM = 0x33;
const TUNNEL = { method: "CONNECT", protocol: "connect-udp", scheme: "https", authority: "a", path: "/", fields: [] };
const EXTENDED = [[":method", "CONNECT"], [":protocol", "connect-udp"], ...REQUEST.slice(1)] as const;

const datagram = (id: StreamId, text: string): Uint8Array => concat(varint(id / 4), utf8(text));

function tunnelPair() {
  const pair = new H3Pair({ datagrams: true, server: { enableConnectProtocol: true } }).run();
  const id = pair.client.connection.request(TUNNEL, false)!;
  pair.run();
  return { pair, id };
}

const server = (options = {}) => new RawPeer("server", { enableConnectProtocol: true, ...options });

const texts = (peer: RawPeer): string[] =>
  peer.victim.of("datagram").map(({ id, payload }) => `${id} ${Buffer.from(payload).toString()}`);

describe("between two of ours", () => {
  test("datagrams go both ways, and carry a quarter of the stream id", () => {
    const { pair, id } = tunnelPair();
    expect(pair.client.connection.datagrams!.send(id, utf8("up"))).toBe("queued");
    pair.run();
    expect(pair.server.connection.datagrams!.send(id, utf8("down"))).toBe("queued");
    pair.run();
    expect(pair.server.of("datagram")).toEqual([{ type: "datagram", id, payload: utf8("up") }]);
    expect(pair.client.of("datagram")).toEqual([{ type: "datagram", id, payload: utf8("down") }]);
    expect(pair.client.connection.datagrams!.maxPayload(id)).toBe(1199);
  });

  test("nothing is sent before the peer's setting, without it, or after our half of the stream has ended", () => {
    const pair = new H3Pair({ datagrams: true, server: { enableConnectProtocol: true, datagrams: undefined } });
    pair.run();
    const id = pair.client.connection.request(TUNNEL, false)!;
    expect(pair.client.connection.datagrams!.send(id, utf8("x"))).toBe("unsupported");
    expect(pair.client.connection.datagrams!.maxPayload(id)).toBe(0);

    const other = tunnelPair();
    other.pair.client.connection.writeData(other.id, new Uint8Array(0), true);
    expect(other.pair.client.connection.datagrams!.send(other.id, utf8("x"))).toBe("closed");
  });

  test("what a finished request wanted to send is dropped with its flow", () => {
    const { pair, id } = tunnelPair();
    pair.client.connection.datagrams!.send(id, utf8("x"));
    pair.run();
    pair.client.connection.cancel(id);
    pair.run();
    pair.server.connection.cancel(id);
    pair.run();
    expect(pair.client.connection.datagrams!.send(id, utf8("y"))).toBe("closed");
  });
});

describe("received", () => {
  test("stream 44, context 0 (RFC 9297 §2.1)", () => {
    const peer = server();
    peer.openControl(settings([H3_DATAGRAM, 1]));
    for (let n = 0; n < 12; n += 1) peer.send(peer.openRequest(), headers(EXTENDED));
    peer.sendDatagram(fromHex("0b00dead"));
    expect(peer.victim.of("datagram").map(({ id, payload }) => [id, toHex(payload)])).toEqual([[44, "00dead"]]);
  });

  test("one that overtakes its request waits for it", () => {
    const peer = server();
    peer.sendDatagram(datagram(0, "early"));
    expect(texts(peer)).toEqual([]);
    peer.send(peer.openRequest(), headers(EXTENDED));
    expect(texts(peer)).toEqual(["0 early"]);
    expect(peer.victim.events.map(({ type }) => type).slice(-2)).toEqual(["request", "datagram"]);
  });

  test("of 10,000 that overtake a request, the last 64 wait", () => {
    const peer = server();
    for (let n = 0; n < 10_000; n += 1) peer.sendDatagram(datagram(0, String(n)));
    expect(peer.victim.connection.bytesHeld).toBe(64 * 4);
    peer.send(peer.openRequest(), headers(EXTENDED));
    expect(texts(peer)).toHaveLength(64);
    expect(texts(peer)[0]).toBe("0 9936");
    expect(peer.victim.connection.datagrams!.dropped).toBe(10_000 - 64);
    expect(peer.victim.connection.bytesHeld).toBe(0);
  });

  test("large ones are bounded by their bytes", () => {
    const peer = server();
    for (let n = 0; n < 200; n += 1) peer.sendDatagram(concat(varint(0), new Uint8Array(1190)));
    expect(peer.victim.connection.bytesHeld).toBeLessThanOrEqual(64 * 1024);
  });

  test("one for a stream that has ended is dropped", () => {
    const peer = server();
    const id = peer.openRequest();
    peer.send(id, headers(EXTENDED), true);
    peer.victim.connection.cancel(id);
    peer.sendDatagram(datagram(id, "late"));
    expect(texts(peer)).toEqual([]);
    expect(peer.closeCode).toBeUndefined();
    expect(peer.victim.connection.datagrams!.dropped).toBe(1);
  });

  test("one for a request without a protocol ends that request only (RFC 9297 §2)", () => {
    const peer = server();
    const id = peer.openRequest();
    peer.send(id, headers(REQUEST));
    peer.sendDatagram(datagram(id, "why"));
    expect(peer.victim.of("reset")).toMatchObject([{ id, code: H3_ERRORS.H3_DATAGRAM_ERROR.code, by: "local" }]);
    expect(peer.closeCode).toBeUndefined();
  });

  test("a client also ends its own request", () => {
    const peer = new RawPeer("client");
    peer.openControl(settings([H3_DATAGRAM, 1]));
    const id = peer.openRequest();
    peer.send(id, headers(RESPONSE));
    peer.sendDatagram(datagram(id, "why"));
    expect(peer.victim.of("reset")).toMatchObject([{ id, code: H3_ERRORS.H3_DATAGRAM_ERROR.code }]);
  });

  test.each([
    ["an empty payload", ""],
    ["half a quarter stream id", "40"],
    ["a quarter stream id of 2^60", "d000000000000000"],
  ])("%s closes the connection with H3_DATAGRAM_ERROR", (_, hex) => {
    const peer = server();
    peer.sendDatagram(fromHex(hex));
    expect(peer.closeCode).toBe(H3_ERRORS.H3_DATAGRAM_ERROR.code);
  });

  test("the largest quarter stream id is legal", () => {
    const peer = server();
    peer.sendDatagram(fromHex("cfffffffffffffff"));
    expect(peer.closeCode).toBeUndefined();
  });

  test.each([2, 100])("SETTINGS_H3_DATAGRAM of %d is H3_SETTINGS_ERROR", (value) => {
    const peer = server();
    peer.openControl(settings([H3_DATAGRAM, value]));
    expect(peer.closeCode).toBe(H3_ERRORS.H3_SETTINGS_ERROR.code);
  });
});
