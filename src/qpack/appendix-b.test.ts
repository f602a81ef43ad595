/** RFC 9204 Appendix B, byte for byte: encoding and decoding. */

import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../wire/hex.ts";
import { QpackDecoder } from "./decoder.ts";
import { QpackEncoder, SECTION_PREFIX_ROOM } from "./encoder.ts";
import { writeIndexed, writeIndexedPostBase, writeWithNameReference } from "./field-lines.ts";
import {
  writeDuplicate,
  writeInsertCountIncrement,
  writeInsertWithLiteralName,
  writeInsertWithNameReference,
  writeSectionAcknowledgment,
  writeSetCapacity,
  writeStreamCancellation,
} from "./instructions.ts";

const hex = (text: string): string => text.replace(/\s+/g, "");

const B1_SECTION = "0000 510b 2f69 6e64 6578 2e68 746d 6c";
const B2_ENCODER = "3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468";
const B2_SECTION = "0381 10 11";
const B3_ENCODER = "4a63 7573 746f 6d2d 6b65 790c 6375 7374 6f6d 2d76 616c 7565";
const B4_ENCODER = "02";
const B4_SECTION = "0500 80 c1 81";
const B5_ENCODER = "810d 6375 7374 6f6d 2d76 616c 7565 32";

const makeDecoder = (): QpackDecoder =>
  new QpackDecoder({ maxTableCapacity: 220, maxBlockedStreams: 1, maxFieldSectionSize: 4096, maxBlockedBytes: 4096 });

describe("decoding", () => {
  test("B.1 literal field line with name reference", () => {
    expect(makeDecoder().decode(0, fromHex(B1_SECTION))).toEqual([[":path", "/index.html"]]);
  });

  test("B.2 to B.5: the dynamic table", () => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(B2_ENCODER));
    expect(decoder.table.size).toBe(106);
    expect(decoder.decode(4, fromHex(B2_SECTION))).toEqual([
      [":authority", "www.example.com"],
      [":path", "/sample/path"],
    ]);
    expect(toHex(decoder.takeInstructions()!)).toBe("84");

    decoder.handleEncoderStream(fromHex(B3_ENCODER));
    expect(decoder.table.size).toBe(160);
    expect(toHex(decoder.takeInstructions()!)).toBe("01");

    // B.4: the section arrives before the duplicate and waits for it.
    expect(decoder.decode(8, fromHex(B4_SECTION))).toBe("blocked");
    decoder.handleEncoderStream(fromHex(B4_ENCODER));
    expect(decoder.table.size).toBe(217);
    expect(decoder.pollUnblocked()).toEqual({
      streamId: 8,
      result: [
        [":authority", "www.example.com"],
        [":path", "/"],
        ["custom-key", "custom-value"],
      ],
    });

    decoder.handleEncoderStream(fromHex(B5_ENCODER));
    expect(decoder.table.size).toBe(215);
    expect(decoder.table.at(0)).toBeUndefined();
    expect([1, 2, 3, 4].map((index) => decoder.table.at(index))).toEqual([
      [":path", "/sample/path"],
      ["custom-key", "custom-value"],
      [":authority", "www.example.com"],
      ["custom-key", "custom-value2"],
    ]);
  });

  test("B.4: the stream is cancelled instead", () => {
    const decoder = makeDecoder();
    decoder.handleEncoderStream(fromHex(B2_ENCODER + B3_ENCODER));
    decoder.decode(4, fromHex(B2_SECTION));
    decoder.takeInstructions();
    expect(decoder.decode(8, fromHex(B4_SECTION))).toBe("blocked");
    decoder.cancelStream(8);
    expect(toHex(decoder.takeInstructions()!)).toBe("48");
    expect(decoder.blockedStreams).toBe(0);
  });
});

describe("encoding", () => {
  const target = new Uint8Array(256);
  const written = (...parts: ((at: number) => number)[]): string => {
    let at = 0;
    for (const part of parts) at = part(at);
    return toHex(target.subarray(0, at));
  };

  test("B.1 to B.2 by the encoder", () => {
    const encoder = new QpackEncoder({ tableCapacity: 220, insert: "always", huffman: false });
    const encode = (id: number, fields: readonly (readonly [string, string])[]): string => {
      const end = encoder.encode(id, fields, target, SECTION_PREFIX_ROOM, 1000);
      return toHex(target.subarray(encoder.sectionStart, end));
    };
    expect(encode(0, [[":path", "/index.html"]])).toBe(hex(B1_SECTION));
    encoder.setLimits({ maxTableCapacity: 220, maxBlockedStreams: 1 });
    const section = encode(4, [
      [":authority", "www.example.com"],
      [":path", "/sample/path"],
    ]);
    expect(toHex(encoder.takeInstructions()!)).toBe(hex(B2_ENCODER));
    expect(section).toBe(hex(B2_SECTION));
    expect(encoder.knownReceivedCount).toBe(0);
    encoder.handleDecoderStream(fromHex("84"));
    expect(encoder.knownReceivedCount).toBe(2);
    expect(encoder.table.size).toBe(106);
  });

  test("B.2 to B.5 by the instruction", () => {
    expect(
      written(
        (at) => writeSetCapacity(target, at, 220),
        (at) => writeInsertWithNameReference(target, at, true, 0, "www.example.com", false),
        (at) => writeInsertWithNameReference(target, at, true, 1, "/sample/path", false),
      ),
    ).toBe(hex(B2_ENCODER));
    expect(written((at) => writeInsertWithLiteralName(target, at, "custom-key", "custom-value", false))).toBe(
      hex(B3_ENCODER),
    );
    expect(written((at) => writeDuplicate(target, at, 2))).toBe(hex(B4_ENCODER));
    expect(written((at) => writeInsertWithNameReference(target, at, false, 1, "custom-value2", false))).toBe(
      hex(B5_ENCODER),
    );
    expect(written((at) => writeSectionAcknowledgment(target, at, 4))).toBe("84");
    expect(written((at) => writeInsertCountIncrement(target, at, 1))).toBe("01");
    expect(written((at) => writeStreamCancellation(target, at, 8))).toBe("48");
  });

  test("B.1, B.2, B.4 by the field line", () => {
    expect(written((at) => writeWithNameReference(target, at, true, 1, "/index.html", false, false))).toBe(
      hex(B1_SECTION).slice(4),
    );
    expect(
      written(
        (at) => writeIndexedPostBase(target, at, 0),
        (at) => writeIndexedPostBase(target, at, 1),
      ),
    ).toBe("1011");
    expect(
      written(
        (at) => writeIndexed(target, at, false, 0),
        (at) => writeIndexed(target, at, true, 1),
        (at) => writeIndexed(target, at, false, 1),
      ),
    ).toBe("80c181");
  });
});
