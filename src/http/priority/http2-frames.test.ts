import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../wire/text.ts";
import { emitPriorityUpdate, Http2Boundary, Http2FrameError, PriorityUpdateReader } from "./index.ts";

const PREFACE = utf8("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const SETTINGS = hex("00 00 06 04 00 00 00 00 00 00 09 00 00 00 01");
const UPDATE = hex("00 00 0a 10 00 00 00 00 00 00 00 00 07 75 3d 31 2c 20 69");
/** Of stream 9, with the reserved bits set and unknown flags, and without a value. */
const EMPTY = hex("00 00 04 10 ff 80 00 00 00 80 00 00 09");

/** The updates in pieces of these lengths, the last one to the end. */
function read(bytes: Uint8Array, cuts: readonly number[]): [number, string][] {
  const found: [number, string][] = [];
  const reader = new PriorityUpdateReader((id, value) => found.push([id, value]));
  let at = 0;
  for (const length of cuts) {
    reader.read(bytes.subarray(at, at + length));
    at = Math.min(at + length, bytes.length);
  }
  reader.read(bytes.subarray(at));
  return found;
}

describe("the reader (RFC 9218 §7.1)", () => {
  test("finds the frames, however the bytes are split", () => {
    const all = concat(PREFACE, SETTINGS, UPDATE, SETTINGS, EMPTY);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 })), (cuts) => {
        expect(read(all, cuts)).toEqual([
          [7, "u=1, i"],
          [9, ""],
        ]);
      }),
    );
  });

  test("skips any other bytes, or ends the connection", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat({ max: 40 })), (bytes, cuts) => {
        try {
          for (const [id] of read(concat(PREFACE, bytes), cuts)) expect(id % 2).toBe(1);
        } catch (error) {
          expect(error).toBeInstanceOf(Http2FrameError);
        }
      }),
    );
  });
});

describe("the writer", () => {
  const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  const FIELDS = hex("00 00 02 01 04 00 00 00 01 82 84");
  const SPLIT_FIELDS = hex("00 00 01 01 00 00 00 00 03 82 00 00 01 09 00 00 00 00 03 84 00 00 00 09 04 00 00 00 03");
  const EMPTY_DATA = hex("00 00 00 00 01 00 00 00 01");

  test("emits the frame", () => expect(hexOf(emitPriorityUpdate(7, "u=1, i"))).toBe(hexOf(UPDATE)));

  test("adds frames where one may begin, however the bytes are split", () => {
    const frames = [concat(PREFACE, SETTINGS), FIELDS, SPLIT_FIELDS, EMPTY_DATA, UPDATE];
    const ends = frames.map((_frame, index) => concat(...frames.slice(0, index + 1)).length);
    const all = concat(...frames);
    const open = Array.from({ length: all.length + 1 }, (_, length) => {
      const boundary = new Http2Boundary();
      boundary.handle(all.subarray(0, length));
      return boundary.isOpen ? [length] : [];
    });
    expect(open.flat()).toEqual(ends);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: all.length })), (cuts) => {
        const boundary = new Http2Boundary();
        let at = 0;
        for (const cut of [...cuts.toSorted((a, b) => a - b), all.length]) {
          boundary.handle(all.subarray(at, cut));
          at = cut;
          expect(boundary.isOpen).toBe(ends.includes(at));
        }
      }),
    );
  });
});
