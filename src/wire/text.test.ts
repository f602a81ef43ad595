import fc from "fast-check";
import { expect, test } from "vitest";
import { fromStrictUtf8 } from "./text.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

test("UTF-8 is text, a replacement character of its own included, and anything else is not", () => {
  const replacement = [0xef, 0xbf, 0xbd];
  for (const bytes of [[], replacement, [...replacement, 0xfc], [0xfc], [0xef, 0xbb, 0xbf, 0x61], [0xef, 0xbf]]) {
    expect(fromStrictUtf8(Uint8Array.from(bytes))).toBe(decoded(Uint8Array.from(bytes)));
  }
  const part = fc.oneof(fc.constant(replacement), fc.array(fc.nat({ max: 255 }), { maxLength: 4 }));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const bytes = Uint8Array.from(parts.flat());
      expect(fromStrictUtf8(bytes)).toBe(decoded(bytes));
    }),
  );
});
