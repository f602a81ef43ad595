import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { decodeHuffman, encodeHuffman, huffmanLength } from "./huffman.ts";
import { EOS, huffmanCode } from "./huffman-code.ts";

const encode = (text: string): string => {
  const target = new Uint8Array(huffmanLength(text));
  expect(encodeHuffman(text, target, 0)).toBe(target.length);
  return toHex(target);
};
const decode = (digits: string): string | undefined => {
  const bytes = fromHex(digits);
  return decodeHuffman(bytes, 0, bytes.length);
};

describe("RFC 7541 Appendix B", () => {
  test("the code is complete", () => {
    let sum = 0;
    for (const length of huffmanCode().lengths) sum += 2 ** -length;
    expect(sum).toBe(1);
    expect(huffmanCode().lengths.length).toBe(257);
  });

  test.each([
    [" ", 0x14, 6],
    ["0", 0x0, 5],
    ["t", 0x9, 5],
    ["~", 0x1ffd, 13],
    ["\\", 0x7fff0, 19],
    ["\n", 0x3ffffffc, 30],
    ["\u00ff", 0x3ffffee, 26],
    ["\u0080", 0xfffe6, 20],
  ])("the code of %j", (symbol, code, length) => {
    expect(huffmanCode().codes[symbol.charCodeAt(0)]).toBe(code);
    expect(huffmanCode().lengths[symbol.charCodeAt(0)]).toBe(length);
  });

  test("EOS is all ones", () => {
    expect(huffmanCode().codes[EOS]).toBe(0x3fffffff);
  });
});

// RFC 7541 C.4 and C.6
test.each([
  ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
  ["no-cache", "a8eb10649cbf"],
  ["custom-key", "25a849e95ba97d7f"],
  ["custom-value", "25a849e95bb8e8b4bf"],
  ["302", "6402"],
  ["private", "aec3771a4b"],
  ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
  ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
  [
    "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
  ],
])("%s", (text, digits) => {
  expect(encode(text)).toBe(digits);
  expect(decode(digits)).toBe(text);
});

describe("padding (RFC 7541 §5.2)", () => {
  test.each([
    ["zeros after the five bits of a", "18"],
    ["eight ones", "1fff"],
    ["only eight ones", "ff"],
    ["EOS", "ffffffff"],
    ["EOS after a symbol", "1fffffffff"],
  ])("%s is refused", (_, digits) => {
    expect(decode(digits)).toBeUndefined();
  });

  test("up to seven ones are accepted", () => {
    expect(decode("1f")).toBe("a");
    expect(decode("")).toBe("");
  });
});

test("decodes what it encoded", () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(text, (value) => {
      expect(decode(encode(value))).toBe(value);
    }),
  );
});

test("any bytes are text or refused, and a text has one encoding", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decodeHuffman(bytes, 0, bytes.length);
      if (text !== undefined) expect(encode(text)).toBe(toHex(bytes));
    }),
    { numRuns: runs(2000) },
  );
});
