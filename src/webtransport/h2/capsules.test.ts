/** A session in the capsules of an HTTP/2 stream: between two machines, and from peers that break the rules. */

import { describe, expect, test } from "vitest";
import type { Instant } from "../../base/time.ts";
import { CapsuleType, capsule } from "../../http/capsules/index.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, fromUtf8, utf8 } from "../../wire/text.ts";
import { type VarInt, varintLength, wideInt } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { closeValue, WebTransportCapsule } from "../close-info.ts";
import { OWN_LIMITS, type Role } from "../mux/index.ts";
import type { SessionEvent } from "../session.ts";
import { CapsuleConnection } from "./capsule-connection.ts";
import { H2Capsule, LOWEST_BIT_TYPES, type StreamTypes } from "./capsule-types.ts";
import { formatInit, initialLimits, limitSettings, parseInit, takesSessions } from "./settings.ts";

const NOW = 1_000_000 as Instant;

const integers = (...values: readonly VarInt[]): Uint8Array => {
  const writer = new Writer(new Uint8Array(values.reduce((sum: number, value) => sum + varintLength(value), 0)));
  for (const value of values) writer.varint(value);
  return writer.bytes;
};
const stream = (id: number, text: string, fin = false): Uint8Array =>
  capsule(fin ? H2Capsule.STREAM_B : H2Capsule.STREAM_A, integers(id), utf8(text));
const connection = (role: Role, streamTypes?: StreamTypes): CapsuleConnection =>
  new CapsuleConnection({ role, peer: OWN_LIMITS, onPending: () => {}, ...(streamTypes && { streamTypes }) });

function eventsOf({ session }: CapsuleConnection): SessionEvent[] {
  const events: SessionEvent[] = [];
  for (let next = session.pollEvent(); next !== undefined; next = session.pollEvent()) events.push(next);
  return events;
}

function textOf({ session }: CapsuleConnection, id: number): string {
  let text = "";
  for (let chunk = session.read(id); chunk !== undefined; chunk = session.read(id)) {
    text += fromUtf8(chunk.bytes);
    if (chunk.fin) return `${text}.`;
  }
  return text;
}

function sentBy(from: CapsuleConnection): Uint8Array {
  const all: Uint8Array[] = [];
  for (let bytes = from.poll(NOW); bytes !== undefined; bytes = from.poll(NOW)) all.push(bytes);
  return concat(...all);
}

/** Delivers until nothing moves, in pieces of at most `size` bytes. */
function exchange(client: CapsuleConnection, server: CapsuleConnection, size = Number.POSITIVE_INFINITY): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const bytes = sentBy(from);
      moved ||= bytes.length > 0;
      for (let at = 0; at < bytes.length; at += size) to.handle(bytes.slice(at, at + size));
    }
  }
}

describe("between two sides", () => {
  test.each([1, 3, 16_384])("streams, resets, stops and datagrams, in pieces of %d bytes", (size) => {
    const [client, server] = [connection("client"), connection("server")];
    const bidi = client.session.openStream("bidi")!;
    const uni = server.session.openStream("uni")!;
    expect([bidi, uni]).toEqual([0, 3]);
    client.session.write(bidi, utf8("hello"), false);
    client.session.write(bidi, utf8(" there"), true);
    server.session.write(uni, utf8("one way"), false);
    client.session.sendDatagram(utf8("maybe"));
    exchange(client, server, size);
    const received = eventsOf(server);
    expect(received).toContainEqual({ type: "stream", id: 0, direction: "bidi" });
    expect(received).toContainEqual({ type: "datagram", payload: utf8("maybe") });
    expect([textOf(server, bidi), textOf(client, uni)]).toEqual(["hello there.", "one way"]);

    server.session.reset(uni, 42);
    client.session.stopSending(bidi, 43);
    exchange(client, server, size);
    expect(eventsOf(client)).toContainEqual({ type: "reset", id: uni, code: 42 });
    expect(eventsOf(server)).toContainEqual({ type: "stopped", id: bidi, code: 43 });
    expect([client.streams.size, server.streams.size, client.failure, server.failure]).toEqual([
      0,
      0,
      undefined,
      undefined,
    ]);
  });

  test("a reset follows what was sent before it, however late that is read (§6.2)", () => {
    const [client, server] = [connection("client"), connection("server")];
    const id = client.session.openStream("uni")!;
    client.session.write(id, utf8("read me"), false);
    exchange(client, server);
    client.session.reset(id, 7);
    exchange(client, server);
    expect(eventsOf(server).map(({ type }) => type)).not.toContain("reset");
    expect(textOf(server, id)).toBe("read me");
    expect(eventsOf(server)).toEqual([{ type: "reset", id, code: 7 }]);
    expect(server.streams.size).toBe(0);
  });

  test("8 MB pass through windows of 1 and 2 MiB as they are read, and 1,000 streams through a limit of 256", () => {
    const [client, server] = [connection("client"), connection("server")];
    const id = client.session.openStream("uni")!;
    const chunk = new Uint8Array(1 << 16);
    let read = 0;
    for (let n = 0; n < 128; n += 1) {
      client.session.write(id, chunk, n === 127);
      exchange(client, server);
      for (let next = server.session.read(id); next !== undefined; next = server.session.read(id)) {
        read += next.bytes.length;
        if (next.fin) break;
      }
    }
    exchange(client, server);
    expect([read, server.streams.unread]).toEqual([128 << 16, 0]);
    for (let n = 0; n < 1000; n += 1) {
      const each = server.session.openStream("bidi")!;
      server.session.write(each, utf8(String(n)), true);
      exchange(client, server);
      expect(textOf(client, each)).toBe(`${n}.`);
      client.session.write(each, new Uint8Array(0), true);
      exchange(client, server);
      expect(textOf(server, each)).toBe(".");
    }
    expect([client.failure, server.failure]).toEqual([undefined, undefined]);
  });

  test.each(["client", "server"] as const)("the %s drains, and closes with code and reason", (closer) => {
    const [client, server] = [connection("client"), connection("server")];
    const [near, far] = closer === "client" ? [client, server] : [server, client];
    near.session.drain();
    near.session.drain();
    exchange(client, server);
    expect(eventsOf(far)).toEqual([{ type: "draining" }]);
    near.session.close({ closeCode: 42, reason: "bye" });
    const sent = sentBy(near);
    expect(toHex(sent)).toBe("6843070000002a627965");
    far.handle(sent);
    far.handleEnd();
    expect(eventsOf(far)).toEqual([{ type: "closed", info: { closeCode: 42, reason: "bye" }, error: undefined }]);
    expect([near.hasEnded, far.hasEnded, far.failure]).toEqual([true, true, undefined]);
  });

  test("a stream that ends without a capsule is code 0 without a reason", () => {
    const server = connection("server");
    server.handleEnd();
    expect(eventsOf(server)).toEqual([{ type: "closed", info: { closeCode: 0, reason: "" }, error: undefined }]);
  });

  test("the type that ends a stream follows implementations, or the draft's text", () => {
    const sentWith = (types?: StreamTypes): string => {
      const client = connection("client", types);
      client.session.write(client.session.openStream("uni")!, utf8("x"), true);
      return toHex(sentBy(client));
    };
    expect(sentWith()).toBe("990b4d3b0102" + "990b4d3c020278");
    expect(sentWith(LOWEST_BIT_TYPES)).toBe("990b4d3c0102" + "990b4d3b020278");
  });
});

describe("limits at the begin", () => {
  test("are the greater ones of settings and WebTransport-Init (§4.3)", () => {
    const settings = { 11105: 1000, 11106: 10, 11107: 20, 11108: 1, 11109: 2, 11110: 30 };
    expect(initialLimits(settings, parseInit("u=50, bl=5, br=40, other=?1"))).toEqual({
      maxData: 1000,
      maxStreamDataUni: 50,
      maxStreamDataBidiLocal: 20,
      maxStreamDataBidiRemote: 40,
      maxStreamsUni: 1,
      maxStreamsBidi: 2,
    });
    expect(initialLimits(limitSettings(OWN_LIMITS), parseInit(formatInit(OWN_LIMITS)))).toEqual(OWN_LIMITS);
  });

  test("of older drafts have one limit for both kinds of bidirectional streams", () => {
    expect(initialLimits({ 11107: 20 }).maxStreamDataBidiRemote).toBe(20);
    expect([takesSessions({ 11105: 1 }), takesSessions({ 11104: 1 }), takesSessions({})]).toEqual([true, true, false]);
  });

  test.each(["u", "u=1.5", "u=-1", "u=?1", 'u="1"', "u=(1 2)", "u=1,,", "U=1", "u=1;"])("%j is malformed", (field) => {
    expect(parseInit(field)).toBeUndefined();
  });
});

const LARGE = wideInt(0x3fffffff, 0xffffffff);
const violations: readonly (readonly [string, readonly Uint8Array[], string])[] = [
  ["a stream of ours that is not open", [stream(1, "x")], "was not opened"],
  ["data on our one-way stream", [stream(3, "x")], "which we send on"],
  ["WT_STOP_SENDING on the peer's own", [capsule(H2Capsule.STOP_SENDING, integers(2, 0))], "which the peer sends on"],
  ["too many streams", [stream(4 * 256, "x")], "257 of 256 streams"],
  ["a stream id of 62 bits", [capsule(H2Capsule.STREAM_A, integers(LARGE))], "above 2^53"],
  ["more data than allowed on a stream", [stream(0, "x".repeat((1 << 20) + 1))], "1048577 bytes on stream 0"],
  [
    "more data than allowed",
    [0, 4, 8].map((id) => stream(id, "x".repeat(1 << 20))),
    "more data received than was allowed",
  ],
  ["data after the end", [stream(0, "x", true), stream(0, "x")], "after the end"],
  [
    "data after a reset",
    [stream(0, ""), capsule(H2Capsule.RESET_STREAM, integers(0, 1, 0)), stream(0, "x")],
    "has ended",
  ],
  [
    "a reset twice",
    [stream(0, "x"), ...[1, 2].map((code) => capsule(H2Capsule.RESET_STREAM, integers(0, code, 1)))],
    "has ended",
  ],
  [
    "a reset after more than came",
    [capsule(H2Capsule.RESET_STREAM, integers(0, 1, 5))],
    "after 5 bytes, of which 0 came",
  ],
  [
    "a reset after less than came",
    [stream(0, "x"), capsule(H2Capsule.RESET_STREAM, integers(0, 1, 0))],
    "of which 1 came",
  ],
  ["a code above 2^32 - 1", [capsule(H2Capsule.RESET_STREAM, integers(0, 2 ** 32, 0))], "above 2^32 - 1"],
  ["WT_MAX_DATA that shrinks", [capsule(H2Capsule.MAX_DATA, integers(1))], "lowers a limit from 2097152 to 1"],
  ["WT_MAX_STREAMS that shrinks", [capsule(H2Capsule.MAX_STREAMS_UNI, integers(1))], "lowers a limit from 256 to 1"],
  [
    "WT_MAX_STREAMS above 2^60",
    [capsule(H2Capsule.MAX_STREAMS_BIDI, integers(2 ** 61))],
    "more streams than there are ids",
  ],
  [
    "WT_MAX_STREAM_DATA that shrinks",
    [stream(0, ""), capsule(H2Capsule.MAX_STREAM_DATA, integers(0, 1))],
    "lowers a limit",
  ],
  ["an integer too few", [capsule(H2Capsule.STOP_SENDING, integers(0))], "too few for its 2 integers"],
  ["a byte too many", [capsule(H2Capsule.MAX_DATA, integers(2 ** 24), utf8("x"))], "1 bytes too many"],
  ["a control capsule of 2^62 - 1 bytes", [concat(integers(H2Capsule.MAX_DATA, LARGE))], "bytes"],
  ["WT_STREAM without a stream", [capsule(H2Capsule.STREAM_A)], "without a stream"],
  ["WT_STREAM that ends inside its stream id", [capsule(H2Capsule.STREAM_A, fromHex("40"))], "inside its stream id"],
  ["WT_DRAIN with content", [capsule(WebTransportCapsule.DRAIN, utf8("x"))], "has 1 bytes"],
  ["a close reason that is too long", [capsule(WebTransportCapsule.CLOSE, new Uint8Array(1029))], "has 1029 bytes"],
  ["a close reason that is not UTF-8", [capsule(WebTransportCapsule.CLOSE, fromHex("00000000ff"))], "not UTF-8"],
  ["WT_CLOSE without a code", [capsule(WebTransportCapsule.CLOSE, fromHex("0000"))], "2 bytes"],
];

describe("a violation is a session error, wherever it is split", () => {
  test.each(violations)("%s", (_, capsules, reason) => {
    const bytes = concat(...capsules);
    for (const size of bytes.length > 1000 ? [bytes.length, 5000] : [bytes.length, 1]) {
      const server = connection("server");
      for (let at = 0; at < bytes.length; at += size) server.handle(bytes.slice(at, at + size));
      expect(server.failure?.message).toContain(reason);
      expect(eventsOf(server).at(-1)).toMatchObject({ type: "closed", error: server.failure });
      expect([server.poll(NOW), server.session.isClosed]).toEqual([undefined, true]);
      server.handle(utf8("anything"));
    }
  });

  test("so is everything after WT_CLOSE", () => {
    const server = connection("server");
    server.handle(concat(capsule(WebTransportCapsule.CLOSE, closeValue({ closeCode: 1, reason: "" })), stream(0, "x")));
    expect(server.failure?.message).toContain("after the last capsule");
    expect(eventsOf(server)).toMatchObject([{ type: "closed", info: { closeCode: 1 }, error: undefined }]);
  });

  test("so is an end inside a capsule, at each byte", () => {
    const whole = concat(stream(0, "abc"), capsule(WebTransportCapsule.DRAIN));
    for (let end = 1; end < whole.length; end += 1) {
      const server = connection("server");
      server.handle(whole.slice(0, end));
      server.handleEnd();
      const isBetween = end === stream(0, "abc").length;
      expect(server.failure === undefined, `after ${end} bytes`).toBe(isBetween);
    }
  });
});

describe("without harm", () => {
  test("unknown capsules, padding, *_BLOCKED of any content, and datagrams that are too large are skipped", () => {
    const server = connection("server");
    server.handle(
      concat(
        capsule(0x1234, utf8("unknown")),
        capsule(H2Capsule.PADDING, new Uint8Array(100_000)),
        ...[0x190b4d41, 0x190b4d42, 0x190b4d43, 0x190b4d44].map((type) => capsule(type, utf8("anything"))),
        capsule(CapsuleType.DATAGRAM, new Uint8Array(65_536)),
        stream(0, "still here"),
      ),
    );
    expect([server.failure, textOf(server, 0)]).toEqual([undefined, "still here"]);
    expect(eventsOf(server).map(({ type }) => type)).not.toContain("datagram");
  });

  test("a capsule of 2^62 bytes on a stream is read as far as its credit reaches, and holds nothing else", () => {
    const server = connection("server");
    server.handle(concat(integers(H2Capsule.STREAM_A, LARGE, 0)));
    for (let n = 0; n < 100; n += 1) {
      server.handle(new Uint8Array(1 << 16));
      expect(textOf(server, 0)).toHaveLength(1 << 16);
    }
    expect([server.failure, server.streams.unread]).toEqual([undefined, 0]);
    for (let n = 0; n < 17; n += 1) server.handle(new Uint8Array(1 << 16));
    expect(server.failure?.message).toContain("bytes on stream 0");
  });

  test("a peer that makes us answer without reading is cut off", () => {
    const server = connection("server");
    for (let n = 0; n < 10_000 && server.failure === undefined; n += 1) {
      server.handle(concat(stream(4 * n, ""), capsule(H2Capsule.RESET_STREAM, integers(4 * n, 0, 0))));
      server.handle(capsule(H2Capsule.STOP_SENDING, integers(4 * n, 0)));
    }
    expect(server.failure?.message).toContain("more to answer than the peer reads");
  });
});
