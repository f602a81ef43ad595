import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { finishChecksum, foldSum, sumWords } from "./checksum.ts";
import { fromHex } from "./hex.ts";

describe("the Internet checksum", () => {
  test("RFC 1071 §3: the example's sum", () => {
    const bytes = fromHex("0001 f203 f4f5 f6f7");
    expect(foldSum(sumWords(bytes, 0, 8))).toBe(0xddf2);
    expect(finishChecksum(sumWords(bytes, 0, 8))).toBe(0x220d);
  });

  test("an IPv4 header", () => {
    const header = fromHex("45000028 00004000 40060000 c0a80001 c0a800c7");
    expect(finishChecksum(sumWords(header, 0, 20))).toBe(0xb8b7);
  });

  test("property: a buffer with its checksum sums to all ones, wherever it is split", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), fc.nat(), (bytes, cut) => {
        const at = Math.floor((cut % (bytes.length + 1)) / 2) * 2;
        const sum = sumWords(bytes, at, bytes.length, sumWords(bytes, 0, at));
        expect(sum).toBe(sumWords(bytes, 0, bytes.length));
        expect(foldSum(sum + finishChecksum(sum))).toBe(0xffff);
      }),
    );
  });
});
