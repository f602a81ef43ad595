import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { ProtocolError } from "../base/errors.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { type DecoderOptions, QpackDecoder } from "./decoder.ts";
import { QPACK_ERRORS } from "./errors.ts";
import { decodeInsertCount, encodeInsertCount } from "./section-prefix.ts";

const makeDecoder = (options: Partial<DecoderOptions> = {}): QpackDecoder =>
  new QpackDecoder({
    maxTableCapacity: 4096,
    maxBlockedStreams: 2,
    maxFieldSectionSize: 1000,
    maxBlockedBytes: 100,
    ...options,
  });

const errorOf = (action: () => unknown): ProtocolError => {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

const FAILED = QPACK_ERRORS.QPACK_DECOMPRESSION_FAILED.code;
const ENCODER_ERROR = QPACK_ERRORS.QPACK_ENCODER_STREAM_ERROR.code;

/** Capacity 4096, then x: y twice, as entries 0 and 1. */
const TWO_ENTRIES = "3fe11f 4178 0179 00";

describe("field sections that cannot be decoded (RFC 9204 §2.2)", () => {
  test.each([
    ["no bytes", ""],
    ["no base", "00"],
    ["static index 99", "0000 ff24"],
    ["static name index 99", "0000 5f54 00"],
    ["a dynamic index without insertions", "0000 80"],
    ["a dynamic name without insertions", "0000 40 00"],
    ["a post-base index without insertions", "0000 10"],
    ["a post-base name without insertions", "0000 00 00"],
    ["a Required Insert Count out of range", "ff ff ff 00 00"],
    ["a negative base", "0082 80"],
    ["a line that ends in its index", "0000 ff"],
    ["a line that ends before its value", "0000 51"],
    ["a line that ends in its value", "0000 5105 2f"],
    ["a line that ends in its name", "0000 23 61"],
    ["an integer of eleven bytes", "0000 ff8080808080808080808000"],
    ["EOS in a value", "0000 5184 ffffffff"],
    ["eight bits of padding", "0000 5182 1fff"],
  ])("%s", (_, digits) => {
    expect(errorOf(() => makeDecoder().decode(0, fromHex(digits)))).toMatchObject({ layer: "http", code: FAILED });
  });

  test.each([
    ["a reference at or above the Required Insert Count", "0200 10"],
    ["an unneeded insertion, and a relative index outside the table", "0300 82"],
    ["a post-base name at or above the Required Insert Count", "0380 01 00"],
  ])("%s", (_, digits) => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(TWO_ENTRIES));
    expect(errorOf(() => decoder.decode(0, fromHex(digits)))).toMatchObject({ code: FAILED });
  });

  test("a reference to an evicted entry", () => {
    const decoder = makeDecoder();
    // Capacity 64 keeps one entry of 34 bytes.
    decoder.handleEncoderStream(fromHex("3f21 4178 0179 00"));
    expect(decoder.table.firstIndex).toBe(1);
    expect(decoder.decode(0, fromHex("0300 80"))).toEqual([["x", "y"]]);
    expect(errorOf(() => decoder.decode(4, fromHex("0300 81")))).toMatchObject({ code: FAILED });
  });

  test("a section that needs a table although none was offered", () => {
    expect(errorOf(() => makeDecoder({ maxTableCapacity: 0 }).decode(0, fromHex("0200 80")))).toMatchObject({
      code: FAILED,
    });
  });
});

describe("all kinds of lines", () => {
  test.each([
    ["indexed, static", "0000 d1", [[":method", "GET"]]],
    [
      "indexed, dynamic",
      "0300 80 81",
      [
        ["x", "y"],
        ["x", "y"],
      ],
    ],
    [
      "indexed, post-base",
      "0381 10 11",
      [
        ["x", "y"],
        ["x", "y"],
      ],
    ],
    ["static name", "0000 5103 2f6162", [[":path", "/ab"]]],
    ["static name, never indexed", "0000 7103 2f6162", [[":path", "/ab"]]],
    ["dynamic name", "0300 40 017a", [["x", "z"]]],
    ["post-base name", "0381 00 017a", [["x", "z"]]],
    ["literal name", "0000 2161 0162", [["a", "b"]]],
    ["literal name, never indexed", "0000 3161 0162", [["a", "b"]]],
    ["no lines", "0000", []],
    ["obs-text stays one character per byte", "0000 2161 02e9ff", [["a", "\u00e9\u00ff"]]],
  ])("%s", (_, digits, fields) => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(TWO_ENTRIES));
    expect(decoder.decode(0, fromHex(digits))).toEqual(fields);
  });
});

describe("the encoder stream (RFC 9204 §4.3)", () => {
  test.each([
    ["capacity over the limit", "3fe21f"],
    ["capacity of eleven bytes", "3f8080808080808080808000"],
    ["an entry larger than the capacity", "21 4161 00"],
    ["an insertion before the capacity is set", "4178 0179"],
    ["static name 99", "3fe11f ff24 00"],
    ["dynamic name without entries", "3fe11f 80 00"],
    ["a duplicate without entries", "3fe11f 00"],
    ["a duplicate of a missing entry", `${TWO_ENTRIES} 02`],
    ["a name longer than any entry", "3fe11f 5fff7f"],
    ["a value longer than any entry", "3fe11f 4161 7fc27f"],
    ["bad Huffman", "3fe11f c084 ffffffff"],
  ])("%s", (_, digits) => {
    expect(errorOf(() => makeDecoder().handleEncoderStream(fromHex(digits)))).toMatchObject({
      layer: "http",
      code: ENCODER_ERROR,
    });
  });

  test("a long name is refused before its value arrives", () => {
    const decoder = makeDecoder({ maxTableCapacity: 64 });
    const name = "61".repeat(40);
    expect(errorOf(() => decoder.handleEncoderStream(fromHex(`3f21 5f09 ${name}`)))).toMatchObject({
      code: ENCODER_ERROR,
    });
  });

  test("a smaller capacity evicts", () => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(TWO_ENTRIES));
    expect(decoder.table.size).toBe(68);
    decoder.handleEncoderStream(fromHex("20"));
    expect(decoder.table).toMatchObject({ size: 0, insertCount: 2, firstIndex: 2, isEmpty: true });
  });

  test("instructions split anywhere", () => {
    const bytes = fromHex(
      "3fe11f c00f7777772e6578616d706c652e636f6d 4a637573746f6d2d6b65790c637573746f6d2d76616c7565 01",
    );
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const decoder = makeDecoder();
      decoder.handleEncoderStream(bytes.subarray(0, cut));
      decoder.handleEncoderStream(bytes.subarray(cut));
      expect(decoder.table.insertCount).toBe(3);
    }
    const decoder = makeDecoder();
    for (const byte of bytes) decoder.handleEncoderStream(Uint8Array.of(byte));
    expect([0, 1, 2].map((index) => decoder.table.at(index))).toEqual([
      [":authority", "www.example.com"],
      ["custom-key", "custom-value"],
      [":authority", "www.example.com"],
    ]);
  });
});

describe("limits", () => {
  // RFC 9204 §7.3: an indexed line takes one byte but counts as 42.
  test("a decompression bomb is not expanded", () => {
    const decoder = makeDecoder();
    expect(decoder.decode(0, fromHex(`0000${"d1".repeat(23)}`))).toHaveLength(23);
    expect(decoder.decode(0, fromHex(`0000${"d1".repeat(24)}`))).toBe("too-large");
    expect(decoder.decode(0, fromHex(`0000${"d1".repeat(100_000)}`))).toBe("too-large");
  });

  test("a bomb of references to one large entry is abandoned, and the encoder notified", () => {
    const decoder = makeDecoder({ maxTableCapacity: 16_384, maxFieldSectionSize: 65_536 });
    decoder.handleEncoderStream(fromHex(`3fe17f 4161 7f8145 ${"62".repeat(8960)}`));
    expect(decoder.table.insertCount).toBe(1);
    expect(decoder.decode(4, fromHex(`0200${"80".repeat(7)}`))).toHaveLength(7);
    expect(decoder.decode(8, fromHex(`0200${"80".repeat(8)}`))).toBe("too-large");
    expect(toHex(decoder.takeInstructions()!)).toBe("8448");
  });

  test("one blocked stream too many", () => {
    const decoder = makeDecoder();
    expect(decoder.decode(0, fromHex("0200 80"))).toBe("blocked");
    expect(decoder.decode(4, fromHex("0200 80"))).toBe("blocked");
    expect(errorOf(() => decoder.decode(8, fromHex("0200 80")))).toMatchObject({ code: FAILED });
  });

  test("a cancelled stream is no longer blocked", () => {
    const decoder = makeDecoder();
    decoder.decode(0, fromHex("0200 80"));
    decoder.decode(4, fromHex("0200 80"));
    decoder.cancelStream(0);
    expect(decoder.decode(8, fromHex("0200 80"))).toBe("blocked");
    decoder.handleEncoderStream(fromHex(TWO_ENTRIES));
    expect([decoder.pollUnblocked()?.streamId, decoder.pollUnblocked()?.streamId, decoder.pollUnblocked()]).toEqual([
      4,
      8,
      undefined,
    ]);
  });

  test("too many bytes of blocked sections", () => {
    const decoder = makeDecoder({ maxBlockedStreams: 10 });
    expect(decoder.decode(0, fromHex(`0200${"80".repeat(60)}`))).toBe("blocked");
    expect(decoder.decode(4, fromHex(`0200${"80".repeat(60)}`))).toBe("too-large");
    decoder.cancelStream(0);
    expect(decoder.decode(8, fromHex(`0200${"80".repeat(60)}`))).toBe("blocked");
  });

  test("increments are coalesced and omit what an acknowledgment already reported", () => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(`${TWO_ENTRIES} 00 00`));
    decoder.decode(0, fromHex("0300 80"));
    expect(toHex(decoder.takeInstructions()!)).toBe("8002");
    expect(decoder.takeInstructions()).toBeUndefined();
  });
});

test("the Required Insert Count survives wrapping (RFC 9204 §4.5.1.1)", () => {
  // The RFC's example: MaxEntries 3, ten insertions received, 4 on the wire means 9.
  expect(decodeInsertCount(4, 100, 10)).toBe(9);
  fc.assert(
    fc.property(fc.integer({ min: 32, max: 10_000 }), fc.nat(100_000), fc.nat(), (capacity, inserted, chosen) => {
      const entries = Math.floor(capacity / 32);
      const lowest = Math.max(1, inserted - entries + 1);
      const count = lowest + (chosen % (inserted + entries - lowest + 1));
      expect(decodeInsertCount(encodeInsertCount(count, capacity), capacity, inserted)).toBe(count);
    }),
  );
});

test("arbitrary bytes on either stream are accepted or refused", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("section", "encoder", "cancel"), fc.uint8Array({ maxLength: 60 })), {
        maxLength: 20,
      }),
      (steps) => {
        const decoder = makeDecoder({ maxBlockedStreams: 4 });
        decoder.handleEncoderStream(fromHex(TWO_ENTRIES));
        try {
          for (const [index, [kind, bytes]] of steps.entries()) {
            if (kind === "encoder") decoder.handleEncoderStream(bytes);
            else if (kind === "cancel") decoder.cancelStream(index - 1);
            else decoder.decode(index, bytes);
            while (decoder.pollUnblocked() !== undefined);
            expect(decoder.table.size).toBeLessThanOrEqual(decoder.table.capacity);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      },
    ),
    { numRuns: runs(1000) },
  );
});
