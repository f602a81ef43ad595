import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { formatIpAddress, formatIpv6, parseIpAddress } from "./ip-address.ts";

const hex = (text: string): string | undefined => {
  const bytes = parseIpAddress(text);
  return bytes && Buffer.from(bytes).toString("hex");
};

describe("parseIpAddress", () => {
  test.each([
    ["127.0.0.1", "7f000001"],
    ["255.255.255.255", "ffffffff"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
    ["::ffff:192.0.2.128", "00000000000000000000ffffc0000280"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
  ])("%s", (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  test.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "localhost",
    ":",
    ":::",
    "1:2:3",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "12345::",
    "1:2:3:4:5:6:7:8::",
    "::1.2.3",
    "1.2.3.4::",
    "g::",
  ])("%j is invalid", (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });

  test("formatIpAddress writes what it parses, as URLs do (RFC 5952)", () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
        .map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(address, (bytes) => {
        const text = formatIpAddress(bytes);
        expect(parseIpAddress(text)).toEqual(bytes);
        const { hostname } = new URL(bytes.length === 4 ? `http://${text}/` : `http://[${text}]/`);
        expect(hostname.replace(/[[\]]/g, "")).toBe(text);
      }),
      { numRuns: runs(2_000) },
    );
  });

  test("agrees with Node on what is an address", () => {
    const group = fc.oneof(
      fc.constantFrom("", "0", "00", "1", "ffff", "10000", "g", "1.2.3.4", "1.2.3"),
      fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16)),
    );
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(group, { maxLength: 10 }).map((groups) => groups.join(":")),
      fc.array(fc.constantFrom("0", "01", "9", "255", "256", "-1", ""), { maxLength: 5 }).map((p) => p.join(".")),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        expect(parseIpAddress(candidate) !== undefined).toBe(isIP(candidate) !== 0);
      }),
      { numRuns: runs(2_000) },
    );
  });
});

describe("formatIpv6 (RFC 5952)", () => {
  test.each([
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
    ["2001:0:0:1::1", "20010000000000010000000000000001"],
    ["2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6::", "00010002000300040005000600000000"],
  ])("%s", (text, bytes) => {
    expect(formatIpv6(new Uint8Array(Buffer.from(bytes, "hex")))).toBe(text);
  });

  test("the result is an address with the same bytes", () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (all) => {
        const bytes = new Uint8Array(all.flatMap((group) => [group >> 8, group & 0xff]));
        const text = formatIpv6(bytes);
        expect(isIP(text)).toBe(6);
        expect(parseIpAddress(text)).toEqual(bytes);
      }),
      { numRuns: runs(200) },
    );
  });
});
