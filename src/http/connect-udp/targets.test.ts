import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { addressKind } from "./address-kind.ts";
import { parseTargetText, parseUdpTarget, targetHostText, targetText } from "./target.ts";
import { TargetPolicy } from "./target-policy.ts";

const address = (text: string): Uint8Array => parseIpAddress(text)!;

describe("targets (RFC 9298 §2)", () => {
  test.each([
    ["example.com", "443", "example.com:443"],
    ["Example.COM.", "1", "example.com.:1"],
    ["192.0.2.7", "65535", "192.0.2.7:65535"],
    ["2001:DB8::42", "443", "[2001:db8::42]:443"],
  ])("%s and port %s", (host, port, text) => {
    const target = parseUdpTarget(host, port)!;
    expect(targetText(target)).toBe(text);
    expect(parseTargetText(text)).toEqual(target);
  });

  test.each([
    ["", "443", "an empty host"],
    ["example.com", "", "an empty port"],
    ["example.com", "0", "port 0"],
    ["example.com", "65536", "a port above 65535"],
    ["example.com", "0443", "a port with a leading zero"],
    ["fe80::1%eth0", "443", "an IPv6 zone"],
    ["[2001:db8::1]", "443", "brackets"],
    ["exa mple.com", "443", "a space"],
    ["exämple.com", "443", "a name that is not ASCII"],
    ["a..b", "443", "an empty label"],
    [`${"a".repeat(64)}.com`, "443", "a label of 64 bytes"],
    [`${"a.".repeat(127)}com`, "443", "a name of more than 253 bytes"],
    ["127.1", "443", "a short form of IPv4"],
    ["0x7f000001", "443", "hexadecimal IPv4"],
    ["2130706433", "443", "IPv4 as one number"],
    ["017700000001", "443", "octal IPv4"],
  ])("%j and %j are refused: %s", (host, port) => {
    expect(parseUdpTarget(host, port)).toBeUndefined();
  });

  test.each(["example.com", "::1:443", "[::1]", "a:b:1", "[example.com]:443", ""])("%j is not a target", (text) => {
    expect(parseTargetText(text)).toBeUndefined();
  });

  test("every address and port survives its text", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseTargetText(targetText({ host, port }))).toEqual({ host, port });
        expect(parseUdpTarget(targetHostText({ host, port }), String(port))).toEqual({ host, port });
      }),
    );
  });
});

describe("kinds of addresses", () => {
  test.each([
    ["8.8.8.8", "public"],
    ["2606:4700::1", "public"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["::1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["fe80::1", "link-local"],
    ["febf::1", "link-local"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "public"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["100.128.0.1", "public"],
    ["fd00::1", "private"],
    ["fec0::1", "private"],
    ["224.0.0.251", "multicast"],
    ["239.255.255.250", "multicast"],
    ["ff02::fb", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["192.0.2.1", "documentation"],
    ["2001:db8::1", "documentation"],
    ["198.18.0.1", "benchmarking"],
    ["240.0.0.1", "reserved"],
    ["192.0.0.8", "reserved"],
    ["2001:0:1::1", "reserved"],
    ["4000::1", "reserved"],
    ["100::1", "reserved"],
    // With an IPv4 address inside
    ["::ffff:10.0.0.1", "private"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:8.8.8.8", "public"],
    ["::10.0.0.1", "private"],
    ["::8.8.8.8", "reserved"],
    ["::ffff:0:127.0.0.1", "loopback"],
    ["64:ff9b::10.0.0.1", "private"],
    ["64:ff9b::8.8.8.8", "public"],
    ["64:ff9b:1::7f00:1", "loopback"],
    ["64:ff9b:1::808:808", "reserved"],
    ["2002:7f00:1::1", "loopback"],
    ["2002:a00:1::1", "private"],
    ["2002:808:808::1", "public"],
  ] as const)("%s is %s", (text, kind) => {
    expect(addressKind(address(text))).toBe(kind);
  });
});

describe("rules for targets", () => {
  const OWN = address("198.41.0.4");
  const isOwn = (bytes: Uint8Array): boolean => bytes.join() === OWN.join();
  const verdict = (rules: readonly string[], target: string, resolved: string): string => {
    const policy = new TargetPolicy(rules, isOwn);
    const parsed = parseTargetText(target)!;
    if (!policy.mayAllow(parsed)) return "not asked";
    const refusal = policy.refusalOf(parsed, address(resolved));
    return refusal === undefined ? "allowed" : (refusal.kind ?? "unnamed");
  };

  test.each([
    [["*:443"], "a.example:443", "8.8.8.8", "allowed"],
    [["*:443"], "a.example:53", "8.8.8.8", "not asked"],
    [["*:*"], "a.example:53", "8.8.8.8", "allowed"],
    [["*:1024-2047"], "a.example:2047", "8.8.8.8", "allowed"],
    [["*:1024-2047"], "a.example:2048", "8.8.8.8", "not asked"],
    [["a.example:443"], "A.Example:443", "8.8.8.8", "allowed"],
    [["a.example:443"], "a.example.:443", "8.8.8.8", "allowed"],
    [["a.example:443"], "b.a.example:443", "8.8.8.8", "not asked"],
    [["*.a.example:443"], "b.a.example:443", "8.8.8.8", "allowed"],
    [["*.a.example:443"], "a.example:443", "8.8.8.8", "not asked"],
    [["*.a.example:443"], "ba.example:443", "8.8.8.8", "not asked"],
    [["a.example:443"], "8.8.8.8:443", "8.8.8.8", "not asked"],
    // A name that resolves to what it must not
    [["*:443"], "a.example:443", "127.0.0.1", "loopback"],
    [["a.example:443"], "a.example:443", "10.0.0.1", "private"],
    [["a.example:443"], "a.example:443", "::ffff:10.0.0.1", "private"],
    [["*:443"], "a.example:443", "64:ff9b::a00:1", "private"],
    [["*:443"], "a.example:443", "198.41.0.4", "own"],
    [["*:443"], "[::ffff:10.0.0.1]:443", "::ffff:10.0.0.1", "private"],
    // Prefixes
    [["192.0.2.0/24:53"], "192.0.2.9:53", "192.0.2.9", "allowed"],
    [["192.0.2.0/24:53"], "[::ffff:192.0.2.9]:53", "::ffff:192.0.2.9", "allowed"],
    [["192.0.2.0/24:53"], "a.example:53", "192.0.2.9", "allowed"],
    [["192.0.2.0/24:53"], "a.example:53", "8.8.8.8", "unnamed"],
    [["[2001:db8::/32]:53"], "[2001:db8::1]:53", "2001:db8::1", "allowed"],
    [["10.0.0.0/8:53"], "10.1.2.3:53", "10.1.2.3", "allowed"],
    [["127.0.0.1:53"], "127.0.0.1:53", "127.0.0.1", "allowed"],
    [["[::1]:53"], "[::1]:53", "::1", "allowed"],
    [["198.41.0.4:53"], "198.41.0.4:53", "198.41.0.4", "allowed"],
    // A prefix opens only the range that it lies in
    [["0.0.0.0/0:53"], "127.0.0.1:53", "127.0.0.1", "loopback"],
    [["0.0.0.0/0:53"], "8.8.8.8:53", "8.8.8.8", "allowed"],
    [["8.0.0.0/5:53"], "10.0.0.1:53", "10.0.0.1", "private"],
    [["198.41.0.0/24:53"], "198.41.0.4:53", "198.41.0.4", "own"],
    [["[::/0]:53"], "[::1]:53", "::1", "loopback"],
  ])("%j: %s at %s is %s", (rules, target, resolved, expected) => {
    expect(verdict(rules, target, resolved)).toBe(expected);
  });

  test.each([
    "example.com",
    "example.com:0",
    "example.com:70000",
    "a:9-8",
    "a b:1",
    "10.0.0.0/33:1",
    "::1:53",
    "[a]:1",
    "10.0.0.999:1",
    "*.:1",
    "",
  ])("%j is not a rule", (rule) => {
    expect(() => new TargetPolicy([rule], isOwn)).toThrow(/is not a rule for targets: give one such as/);
  });
});
