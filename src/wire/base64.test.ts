import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "./base64.ts";
import { utf8 } from "./text.ts";

/** RFC 4648 §10. */
test.each([
  ["", ""],
  ["f", "Zg=="],
  ["fo", "Zm8="],
  ["foo", "Zm9v"],
  ["foob", "Zm9vYg=="],
  ["fooba", "Zm9vYmE="],
  ["foobar", "Zm9vYmFy"],
])("%j is %j", (text, encoded) => {
  expect(toBase64(utf8(text))).toBe(encoded);
  expect(fromBase64(encoded)).toEqual(utf8(text));
});

test("bytes of every value and length come back", () => {
  for (let length = 0; length < 260; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, index) => 255 - index);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
  }
});

describe("malformed", () => {
  test.each(["Z", "Zg", "Zg=", "Zg===", "Z===", "=Zg=", "Zh==", "Zm9=", "Zm8\n", "Zm8-", "Zm8é"])("%j", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});
