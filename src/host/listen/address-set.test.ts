import fc from "fast-check";
import { expect, test } from "vitest";
import { formatIpAddress } from "../../wire/ip-address.ts";
import { AddressSet } from "./address-set.ts";

const setOf = (...texts: string[]): AddressSet => new AddressSet("trustedProxies", texts);

test.each([
  ["192.0.2.0/24", "192.0.2.255", true],
  ["192.0.2.0/24", "192.0.3.0", false],
  ["192.0.2.128/25", "192.0.2.127", false],
  ["0.0.0.0/0", "203.0.113.9", true],
  ["0.0.0.0/0", "2001:db8::1", false],
  ["10.1.2.3", "10.1.2.3", true],
  ["10.1.2.3", "::ffff:10.1.2.3", true],
  ["::ffff:10.1.2.3", "10.1.2.3", true],
  ["2001:db8::/33", "2001:db8:7fff::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
  ["::1", "::1", true],
  ["10.0.0.0/8", "unknown", false],
])("%s has %s: %s", (prefix, address, expected) => {
  expect(setOf("198.51.100.0/24", prefix).has(address)).toBe(expected);
});

test.each(["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "a/8", "1.2.3.4/8/8"])("%j is invalid", (text) => {
  expect(() => setOf("::1", text)).toThrow(`trustedProxies: ${JSON.stringify(text)} is not an address`);
});

test("a prefix has an address exactly if its first bits are equal", () => {
  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 0, max: 32 }), (one, two, bits) => {
      const first = (of: Uint8Array): string =>
        [...of]
          .map((byte) => byte.toString(2).padStart(8, "0"))
          .join("")
          .slice(0, bits);
      expect(setOf(`${formatIpAddress(one)}/${bits}`).has(formatIpAddress(two))).toBe(first(one) === first(two));
    }),
  );
});
