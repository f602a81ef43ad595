import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { emitResetPayload, parseResetPayload } from "./payload.ts";
import { describeReset } from "./reasons.ts";

describe("published forms", () => {
  test.each([
    ["33 aa 00 0e 00 00 00 00", { code: 14, enterprise: 0 }, "connection timed out (14)"],
    ["33 aa 00 02 00 00 00 00", { code: 2, enterprise: 0 }, "desynchronized state (2)"],
    ["33 aa 04 d2 00 00 7e d9", { code: 1234, enterprise: 32473 }, "code 1234 of enterprise 32473"],
    ["19 30 39 a1 01 02", { code: 2, enterprise: 0 }, "desynchronized state (2)"],
    ["82 19 30 39 a1 01 02", { code: 2, enterprise: 0 }, "desynchronized state (2)"],
    ["82 19 30 39 a2 01 19 04 d2 02 19 7e d9", { code: 1234, enterprise: 32473 }, "code 1234 of enterprise 32473"],
    [
      "82 19 30 39 a1 03 69 70 6f 72 74 20 73 63 61 6e",
      { code: undefined, enterprise: 0, description: "port scan" },
      '"port scan"',
    ],
    // The article of 2022: text keys.
    [
      "19 30 39 a1 6b 72 65 61 73 6f 6e 2d 63 6f 64 65 04",
      { code: 4, enterprise: 0 },
      "aborted by the application (4)",
    ],
  ])("%s", (hex, reason, text) => {
    expect(parseResetPayload(fromHex(hex))).toEqual({ reason });
    expect(describeReset(reason)).toBe(text);
  });

  test.each([
    ["code 0", "33 aa 00 00 00 00 00 00", "malformed"],
    ["7 bytes", "33 aa 00 0e 00 00 00", "malformed"],
    ["9 bytes", "33 aa 00 0e 00 00 00 00 00", "malformed"],
    ["an enterprise alone", "19 30 39 a1 02 19 7e d9", "malformed"],
    ["an empty map", "19 30 39 a0", "malformed"],
    ["trailing bytes", "19 30 39 a1 01 02 00", "malformed"],
    ["a repeated key", "19 30 39 a2 01 02 01 03", "malformed"],
    ["a text as code", "19 30 39 a1 01 61 41", "malformed"],
    ["malformed UTF-8", "19 30 39 a1 03 61 ff", "malformed"],
    ["an indefinite length", "19 30 39 bf 01 02 ff", "malformed"],
    ["another cookie", "82 19 30 3a a1 01 02", "opaque"],
    ["text of an older system", "67 6f 20 61 77 61 79", "opaque"],
  ])("%s is a plain reset", (_, hex, verdict) => {
    expect(parseResetPayload(fromHex(hex))).toBe(verdict);
  });

  test("our own are the drafts' own examples", () => {
    expect(toHex(emitResetPayload({ code: 14, enterprise: 0 }, "binary"))).toBe("33aa000e00000000");
    expect(toHex(emitResetPayload({ code: 2, enterprise: 0 }, "cbor"))).toBe("193039a10102");
  });
});

test("property: both forms round-trip", () => {
  const reason = fc.record({ code: fc.integer({ min: 1, max: 0xffff }), enterprise: fc.nat(0xffff_ffff) });
  fc.assert(
    fc.property(reason, fc.constantFrom("binary" as const, "cbor" as const), (value, format) => {
      expect(parseResetPayload(emitResetPayload(value, format))).toEqual({ reason: value });
    }),
  );
});

test("property: a description round-trips, cut to 255 bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (description) => {
      const parsed = parseResetPayload(emitResetPayload({ code: undefined, enterprise: 0, description }, "cbor"));
      const text = (parsed as { reason: { description: string } }).reason.description;
      expect(description.startsWith(text)).toBe(true);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(255);
    }),
  );
});

test("property: any bytes are a reason, opaque or malformed", () => {
  const start = fc.constantFrom("33aa", "193039", "82193039", "");
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 40 }), (prefix, bytes) => {
      parseResetPayload(Uint8Array.from([...fromHex(prefix), ...bytes]));
    }),
  );
});
