import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../wire/hex.ts";
import { ByteQueue } from "./byte-queue.ts";
import { BAD_HUFFMAN, INCOMPLETE, INTEGER_TOO_LARGE, PrimitiveReader, STRING_TOO_LONG } from "./primitive-reader.ts";
import { writeInteger, writeString } from "./primitive-writer.ts";

const readerOf = (digits: string): PrimitiveReader => {
  const reader = new PrimitiveReader();
  reader.reset(fromHex(digits));
  return reader;
};
const integer = (digits: string, prefix: number): number => readerOf(digits).integer(prefix);

describe("integers (RFC 9204 §4.1.1)", () => {
  // RFC 7541 C.1
  test.each([
    ["0a", 5, 10],
    ["1f9a0a", 5, 1337],
    ["2a", 8, 42],
    ["1f00", 5, 31],
    // With redundant zeros, up to ten bytes.
    ["1f80808080808080800000", 5, 31],
  ])("%s with %i bits", (digits, prefix, value) => {
    expect(integer(digits, prefix)).toBe(value);
  });

  test("2^62-1 is the largest", () => {
    // 2^62-1 minus the prefix's 255, in nine groups.
    const groups = (value: bigint): string => {
      let digits = "";
      for (let rest = value; ; rest >>= 7n) {
        const more = rest >= 0x80n;
        digits += ((rest & 0x7fn) | (more ? 0x80n : 0n)).toString(16).padStart(2, "0");
        if (!more) return digits;
      }
    };
    expect(integer(`ff${groups(2n ** 62n - 1n - 255n)}`, 8)).toBe(2 ** 62);
    expect(integer(`ff${groups(2n ** 62n - 255n)}`, 8)).toBe(INTEGER_TOO_LARGE);
    expect(integer(`07${groups(2n ** 62n - 1n - 7n)}`, 3)).toBe(2 ** 62);
    expect(integer(`07${groups(2n ** 62n - 7n)}`, 3)).toBe(INTEGER_TOO_LARGE);
  });

  test("eleven bytes are refused, even if they are zeros", () => {
    expect(integer("1f8080808080808080808000", 5)).toBe(INTEGER_TOO_LARGE);
    expect(integer("1f80808080808080808080", 5)).toBe(INTEGER_TOO_LARGE);
  });

  test("a truncated integer is incomplete", () => {
    expect(integer("", 5)).toBe(INCOMPLETE);
    expect(integer("1f", 5)).toBe(INCOMPLETE);
    expect(integer("1f80", 5)).toBe(INCOMPLETE);
  });

  test("reads what was written, whatever the bits above the prefix", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 3, max: 8 }), fc.nat(255), (value, prefix, above) => {
        const target = new Uint8Array(12);
        const pattern = (above << prefix) & 0xff;
        const end = writeInteger(target, 0, pattern, prefix, value);
        const reader = new PrimitiveReader();
        reader.reset(target, 0, end);
        expect(reader.integer(prefix)).toBe(value);
        expect(reader.isAtEnd).toBe(true);
        expect((target[0]! >> prefix) << prefix).toBe(pattern);
      }),
    );
  });
});

describe("strings (RFC 9204 §4.1.2)", () => {
  test("writes the shorter form", () => {
    const target = new Uint8Array(64);
    expect(toHex(target.subarray(0, writeString(target, 0, 0, 7, "www.example.com")))).toBe(
      "8cf1e3c2e5f23a6ba0ab90f4ff",
    );
    expect(toHex(target.subarray(0, writeString(target, 0, 0, 7, "{}\n")))).toBe("037b7d0a");
    expect(toHex(target.subarray(0, writeString(target, 0, 0x40, 5, "a", false)))).toBe("4161");
  });

  test("reads what was written", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 300,
    });
    fc.assert(
      fc.property(text, fc.constantFrom(3, 5, 7), fc.boolean(), (value, prefix, huffman) => {
        const target = new Uint8Array(value.length + 10);
        const reader = new PrimitiveReader();
        reader.reset(target, 0, writeString(target, 0, 0, prefix, value, huffman));
        expect(reader.string(prefix, 1000)).toBe(value);
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  test.each([
    ["0361", INCOMPLETE],
    ["", INCOMPLETE],
    ["0b6161616161616161616161", STRING_TOO_LONG],
    ["8100", BAD_HUFFMAN],
    ["7f80808080808080808000", INTEGER_TOO_LARGE],
  ])("%s is invalid", (digits, problem) => {
    const reader = readerOf(digits);
    expect(reader.string(7, 10)).toBeUndefined();
    expect(reader.problem).toBe(problem);
  });
});

test("a byte queue returns what was appended, however it is consumed", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 100 }), fc.nat(150))), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      for (const [bytes, count] of steps) {
        queue.append(bytes);
        model.push(...bytes);
        expect([...queue.bytes]).toEqual(model);
        const consumed = Math.min(count, model.length);
        queue.consume(consumed);
        model = model.slice(consumed);
        expect(queue.length).toBe(model.length);
      }
    }),
  );
});
