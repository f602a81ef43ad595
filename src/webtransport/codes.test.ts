import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../wire/hex.ts";
import { utf8 } from "../wire/text.ts";
import { closeValue, fromHttpCode, parseClose, sendableInfo, toHttpCode } from "./index.ts";

describe("error codes (draft-ietf-webtrans-http3 §4.4)", () => {
  test.each([
    [0, 0x52e4a40fa8db],
    [29, 0x52e4a40fa8f8],
    [30, 0x52e4a40fa8fa],
    [255, 0x52e4a40fa9e2],
    [0xffff_ffff, 0x52e5ac983162],
  ])("%d is %d of HTTP/3", (code, http) => {
    expect(toHttpCode(code)).toBe(http);
    expect(fromHttpCode(http)).toBe(code);
  });

  test("are inverse around every reserved code", () => {
    for (let code = 0; code < 100_000; code += 1) expect(fromHttpCode(toHttpCode(code))).toBe(code);
  });

  test.each([
    ["a reserved one", 0x52e4a40fa8f9],
    ["one below the range", 0x52e4a40fa8da],
    ["one above it", 0x52e5ac983163],
    ["one of HTTP/3", 0x10c],
    ["one of 62 bits", { high: 0x3fff_ffff, low: 0xffff_ffff }],
  ])("%s is none of an application", (_, code) => {
    expect(fromHttpCode(code)).toBeUndefined();
  });
});

describe("the value of a CLOSE capsule (§6)", () => {
  test("is a code and a reason", () => {
    const value = closeValue({ closeCode: 42, reason: "bye" });
    expect(toHex(value)).toBe("0000002a627965");
    expect(parseClose(value)).toEqual({ closeCode: 42, reason: "bye" });
    expect(parseClose(closeValue({ closeCode: 0xffff_ffff, reason: "" }))).toEqual({
      closeCode: 0xffff_ffff,
      reason: "",
    });
  });

  test("cuts a long reason at the end of a character", () => {
    expect(sendableInfo({ closeCode: 0, reason: `${"a".repeat(1022)}€` }).reason).toBe("a".repeat(1022));
    expect(sendableInfo({ closeCode: 0, reason: "€".repeat(1000) }).reason).toBe("€".repeat(341));
    expect(sendableInfo({ closeCode: 7, reason: "bye" })).toEqual({ closeCode: 7, reason: "bye" });
  });

  test.each([
    ["three bytes", fromHex("000000")],
    ["a reason of 1,025 bytes", new Uint8Array(4 + 1025)],
    ["a reason that is not UTF-8", fromHex("00000000ff")],
    ["half a character", fromHex("00000000e282")],
  ])("%s is malformed", (_, value) => {
    expect(typeof parseClose(value)).toBe("string");
  });

  test.each([-1, 0.5, 2 ** 32, Number.NaN])("the code %d cannot be sent", (closeCode) => {
    expect(() => sendableInfo({ closeCode, reason: "" })).toThrow(RangeError);
  });

  test("keeps a byte order mark and zeros", () => {
    const reason = "\ufeff\u0000x";
    expect(parseClose(closeValue({ closeCode: 1, reason }))).toEqual({ closeCode: 1, reason });
    expect(utf8(reason).length).toBe(5);
  });
});
