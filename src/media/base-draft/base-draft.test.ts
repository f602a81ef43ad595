/** The base draft in our layout: the sheet's examples, round trips cut anywhere, and what is refused. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, utf8 } from "../../wire/text.ts";
import { failureOf } from "../testing/failure.ts";
import {
  BASE_MESSAGES,
  BaseDraftError,
  type BaseStreamEvent,
  BaseStreamReader,
  emitBaseMessage,
  emitGoawayUrl,
  emitOpenMessage,
  emitStreamHeaders,
  parseGoawayUrl,
  parseStreamHeaders,
} from "./index.ts";

/** The events of a stream; contents as hexadecimal digits. */
function read(parts: readonly Uint8Array[]): unknown[] {
  const events: unknown[] = [];
  const reader = new BaseStreamReader((event: BaseStreamEvent) =>
    events.push(event.type === "content" ? toHex(event.bytes) : event),
  );
  for (const part of parts) reader.push(part);
  reader.end();
  return events;
}

const failure = (run: () => unknown): string => failureOf(BaseDraftError, run);

describe("HEADERS", () => {
  test("of an audio segment: id 7, order 100, after stream 1", () => {
    const headers = { id: 7, order: 100, depends: [1] };
    const message = emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders(headers));
    expect(toHex(message)).toBe("000c03" + "000107" + "010240c8" + "02020101");
    expect(read([message])).toEqual([{ type: "headers", headers }]);
  });

  test("with all defaults has one byte of payload", () => {
    expect(toHex(emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders({})))).toBe("000100");
    expect(parseStreamHeaders(fromHex("00"))).toEqual({});
  });

  test("are read as they were written, unknown fields included", () => {
    const model = {
      id: fc.maxSafeNat(),
      order: fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
      depends: fc.array(fc.maxSafeNat(), { maxLength: 64 }),
      others: fc.array(fc.record({ key: fc.integer({ min: 3, max: 99 }), value: fc.uint8Array({ maxLength: 9 }) }), {
        minLength: 1,
        maxLength: 3,
      }),
    };
    fc.assert(
      fc.property(fc.record(model, { requiredKeys: [] }), (headers) => {
        expect(parseStreamHeaders(emitStreamHeaders(headers))).toEqual(headers);
      }),
    );
  });

  test.each([
    ["-1 is the zigzag number 1", "01 01 01 01", { order: -1 }],
    ["an unknown field is kept", "01 05 02 aabb", { others: [{ key: 5, value: fromHex("aabb") }] }],
  ])("%s", (_, hex, headers) => {
    expect(parseStreamHeaders(fromHex(hex))).toEqual(headers);
  });

  test.each([
    ["a field twice", "02 00 01 07 00 01 07", "1 HEADERS: id twice"],
    ["65 dependencies", `01 02 4043 4041 ${"01".repeat(65)}`, "1 HEADERS: depends on 65 streams, at most 64"],
    ["a field that is longer than its value", "01 00 02 07 00", "1 HEADERS: a field that is longer than its value"],
    ["bytes after the last field", "00 00", "1 HEADERS: bytes after the last field"],
    ["fewer fields than it says", "02 00 01 07", "1 HEADERS: needed 1 bytes, 0 left at byte 4"],
    ["a number above 2^53-1", "01 00 08 ffffffffffffffff", "1 HEADERS: a number above 2^53-1"],
  ])("%s: refused", (_, hex, message) => {
    expect(failure(() => parseStreamHeaders(fromHex(hex)))).toBe(message);
  });

  test("that cannot be said are refused before they are sent", () => {
    expect(() => emitStreamHeaders({ order: 0.5 })).toThrow("an order of 0.5 is not a whole number below 2^52");
    expect(() => emitStreamHeaders({ depends: new Array(65).fill(1) })).toThrow("more than 64");
    expect(() => emitBaseMessage(1, new Uint8Array(0))).toThrow("a message without a payload");
  });
});

describe("a stream", () => {
  const headers = emitBaseMessage(BASE_MESSAGES.headers, emitStreamHeaders({ id: 1 }));
  const open = concat(headers, emitOpenMessage(BASE_MESSAGES.segment), utf8("moofmdat"));

  test("with a segment to its end is read however it is cut", () => {
    for (let cut = 0; cut <= open.length; cut += 1) {
      const events = read([open.subarray(0, cut), open.subarray(cut)]);
      expect(events.filter((event) => typeof event === "string").join("")).toBe(toHex(utf8("moofmdat")));
      expect(events.filter((event) => typeof event === "object")).toEqual([
        { type: "headers", headers: { id: 1 } },
        { type: "segment" },
        { type: "end-of-message" },
      ]);
    }
  });

  test("may bring several messages, unknown ones among them", () => {
    const stream = concat(
      headers,
      emitBaseMessage(0x2, utf8("a")),
      emitBaseMessage(0x33, utf8("skip")),
      emitBaseMessage(0x1, utf8("b")),
    );
    expect(read([stream])).toEqual([
      { type: "headers", headers: { id: 1 } },
      { type: "app" },
      "61",
      { type: "end-of-message" },
      { type: "unknown", message: 0x33 },
      { type: "segment" },
      "62",
      { type: "end-of-message" },
    ]);
  });

  test("with GOAWAY tells where to go, or nothing if that is no secure URL", () => {
    const goaway = (url: string) =>
      read([concat(headers, emitBaseMessage(BASE_MESSAGES.goaway, emitGoawayUrl(url)))])[1];
    expect(goaway("https://b.example/live")).toEqual({ type: "goaway", url: "https://b.example/live" });
    expect(goaway("http://b.example")).toEqual({ type: "goaway", url: undefined });
    expect(parseGoawayUrl(new Uint8Array(0))).toBeUndefined();
    expect(read([concat(headers, emitOpenMessage(0x10), utf8("https://c"))])[1]).toEqual({
      type: "goaway",
      url: "https://c",
    });
  });

  test.each([
    ["without HEADERS first", "01 00", "1 stream: it does not begin with HEADERS"],
    ["with HEADERS twice", "000100 000100", "1 HEADERS: a second time on a stream"],
    ["with HEADERS without a length", "00 00", "1 HEADERS: without a length"],
    ["with HEADERS of 4,097 bytes", "00 5001", "1 HEADERS: 4097 bytes, at most 4096"],
    ["with a URL of 8,193 bytes", "000100 10 6001", "1 GOAWAY: a URL of 8193 bytes"],
    [
      "with an unknown message without a length",
      "000100 33 00",
      "1 stream: a message of an unknown type without a length",
    ],
    ["that ends in a message", "000100 02 05 61", "1 stream: it ended in the middle of a message"],
    ["that ends in HEADERS", "00 05 01", "1 stream: it ended in the middle of a message"],
    ["that is empty", "", "1 stream: it ended without HEADERS"],
  ])("%s: refused", (_, hex, message) => {
    expect(failure(() => read([fromHex(hex)]))).toBe(message);
  });

  test("with a URL without an end is refused at 8 KiB", () => {
    const stream = [headers, emitOpenMessage(0x10), ...Array.from({ length: 20 }, () => new Uint8Array(1_000))];
    expect(failure(() => read(stream))).toBe("1 GOAWAY: a URL of more than 8192 bytes");
  });
});
