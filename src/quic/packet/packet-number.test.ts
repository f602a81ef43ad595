import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { decodePacketNumber, packetNumberLength, truncate } from "./packet-number.ts";

describe("packet numbers, RFC 9000 Appendix A", () => {
  it("§A.2: 0xac5c02 takes two bytes and 0xace8fe three, when 0xabe8b3 is acknowledged", () => {
    expect(packetNumberLength(0xac5c02, 0xabe8b3)).toBe(2);
    expect(packetNumberLength(0xace8fe, 0xabe8b3)).toBe(3);
    expect(truncate(0xac5c02, 2)).toBe(0x5c02);
    expect(truncate(0xace8fe, 3)).toBe(0xace8fe);
  });

  it("§A.3: 0x9b32 after 0xa82f30ea is 0xa82f9b32", () => {
    expect(decodePacketNumber(0xa82f30ea, 0x9b32, 2)).toBe(0xa82f9b32);
  });

  it("§17.1: the range is more than twice the distance", () => {
    for (const [length, distance] of [
      [1, 2 ** 7],
      [2, 2 ** 15],
      [3, 2 ** 23],
    ] as const) {
      expect(packetNumberLength(1_000 + distance - 1, 1_000)).toBe(length);
      expect(packetNumberLength(1_000 + distance, 1_000)).toBe(length + 1);
    }
  });

  it("the first packets take one byte", () => {
    expect(packetNumberLength(0, -1)).toBe(1);
    expect(decodePacketNumber(-1, 0, 1)).toBe(0);
    expect(decodePacketNumber(-1, 127, 1)).toBe(127);
  });

  it("a receiver decodes any truncated number if it received at least what it acknowledged", () => {
    const numbers = fc
      .tuple(
        fc.integer({ min: -1, max: 2 ** 50 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        fc.double({ min: 0, max: 1 }),
      )
      .filter(([, , fraction]) => !Number.isNaN(fraction));
    fc.assert(
      fc.property(numbers, ([largestAcked, distance, fraction]) => {
        const sent = largestAcked + distance;
        const length = packetNumberLength(sent, largestAcked);
        // The receiver may have received anything that was sent before.
        const largestReceived = largestAcked + Math.floor((distance - 1) * fraction);
        expect(decodePacketNumber(largestReceived, truncate(sent, length), length)).toBe(sent);
      }),
      { numRuns: runs(2_000) },
    );
  });

  it("always returns an integer that a double holds exactly", () => {
    const length = fc.constantFrom(1, 2, 3, 4);
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 2 ** 32 - 1 }), length, (near, bits, bytes) => {
        const decoded = decodePacketNumber(Math.max(-1, near), bits % 2 ** (8 * bytes), bytes as 1 | 2 | 3 | 4);
        expect(Number.isSafeInteger(decoded)).toBe(true);
        expect(decoded).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
