import { describe, expect, test } from "vitest";
import { contentLengthOf, parseContentLength } from "./content-length.ts";
import { isConnectionSpecific, isFieldName, isFieldValue, isToken } from "./field-rules.ts";
import { combinedFieldValue, fieldLineSize, fieldSectionSize, fieldValue } from "./field-section.ts";

describe("names (RFC 9110 §5.1, RFC 9114 §4.2)", () => {
  test.each(["a", "content-type", "x_y.z", "!#$%&'*+-.^_`|~09"])("%s is valid", (name) => {
    expect(isFieldName(name)).toBe(true);
  });

  test("no other characters are allowed", () => {
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      expect(isFieldName(`a${character}`)).toBe(/[!#$%&'*+\-.^_`|~0-9a-z]/.test(character));
      expect(isToken(`a${character}`)).toBe(/[!#$%&'*+\-.^_`|~0-9a-zA-Z]/.test(character));
    }
    expect(isFieldName("")).toBe(false);
    expect(isFieldName("a\u0100")).toBe(false);
  });
});

describe("values (RFC 9110 §5.5)", () => {
  test("allowed characters inside and at the ends", () => {
    for (let code = 0; code < 256; code += 1) {
      const character = String.fromCharCode(code);
      const visible = (code > 0x20 && code < 0x7f) || code > 0x7f;
      const space = code === 0x20 || code === 0x09;
      expect(isFieldValue(`a${character}b`)).toBe(visible || space);
      expect(isFieldValue(`${character}b`)).toBe(visible);
      expect(isFieldValue(`a${character}`)).toBe(visible);
      expect(isFieldValue(character)).toBe(visible);
    }
    expect(isFieldValue("")).toBe(true);
    expect(isFieldValue("\u0100")).toBe(false);
  });

  test("a long value is checked in linear time", () => {
    const long = `a${" ".repeat(60_000)}`;
    expect(isFieldValue(`${long}b`)).toBe(true);
    expect(isFieldValue(long)).toBe(false);
  });
});

test("connection-specific fields", () => {
  const names = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
  expect(names.every(isConnectionSpecific)).toBe(true);
  expect(["te", "trailer", "via", "host"].some(isConnectionSpecific)).toBe(false);
});

test.each([
  ["0", 0],
  ["007", 7],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["9007199254740992", undefined],
  ["99999999999999999", undefined],
  ["", undefined],
  ["-1", undefined],
  ["+1", undefined],
  ["1.0", undefined],
  ["0x10", undefined],
  ["5, 5", undefined],
  ["1e3", undefined],
])("content-length %j", (text, length) => {
  expect(parseContentLength(text)).toBe(length);
});

test("sizes add 32 to name and value (RFC 9114 §4.2.2)", () => {
  expect(fieldLineSize(":method", "GET")).toBe(42);
  expect(fieldSectionSize([])).toBe(0);
  expect(
    fieldSectionSize([
      [":method", "GET"],
      ["a", ""],
    ]),
  ).toBe(75);
});

test("the first value of a name", () => {
  const fields = [
    ["a", "1"],
    ["b", "2"],
    ["a", "3"],
  ] as const;
  expect(fieldValue(fields, "a")).toBe("1");
  expect(fieldValue(fields, "c")).toBeUndefined();
});

test("all values of a name, as one list", () => {
  const fields = [
    ["a", "1"],
    ["b", "2"],
    ["a", "3, 4"],
  ] as const;
  expect(combinedFieldValue(fields, "a")).toBe("1, 3, 4");
  expect(combinedFieldValue(fields, "b")).toBe("2");
  expect(combinedFieldValue(fields, "c")).toBeUndefined();
});

test.each([
  [[], undefined],
  [["7"], 7],
  [["7", "7"], 7],
  [["7", "8"], "conflicting values"],
  [["7", "x"], "not a number"],
  [["7, 7"], "not a number"],
] as const)("the content-length of a message with %j (RFC 9110 §8.6)", (values, length) => {
  const fields = [["a", "9"] as const, ...values.map((value) => ["content-length", value] as const)];
  expect(contentLengthOf(fields)).toBe(length);
});
