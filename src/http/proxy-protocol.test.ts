/** The PROXY protocol: the examples and limits of HAProxy's proxy-protocol.txt, and properties of the codec. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatIpAddress } from "../wire/ip-address.ts";
import {
  emitLocalHeader,
  emitProxyHeader,
  type ProxyHeader,
  ProxyHeaderError,
  parseProxyHeader,
} from "./proxy-protocol.ts";

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
const connection = (source: string, sourcePort: number, destination: string, destinationPort: number) => ({
  source: { address: source, port: sourcePort },
  destination: { address: destination, port: destinationPort },
});

const FFFF = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
const SIGNATURE = "0d0a0d0a000d0a515549540a";

describe("version 1 (§2.1)", () => {
  test.each([
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
      56,
      ["255.255.255.255", "255.255.255.255", 65535, 65535],
    ],
    [`PROXY TCP6 ${FFFF} ${FFFF} 65535 65535\r\n`, 104, [FFFF, FFFF, 65535, 65535]],
    ["PROXY UNKNOWN\r\n", 15, undefined],
    [`PROXY UNKNOWN ${FFFF} ${FFFF} 65535 65535\r\n`, 107, undefined],
    [
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n",
      47,
      ["192.168.0.1", "192.168.0.11", 56324, 443],
    ],
  ] as const)("the examples: %j", (text, length, expected) => {
    const [source, destination, sourcePort, destinationPort] = expected ?? [];
    expect(parseProxyHeader(ascii(text))).toEqual({
      length,
      connection: expected === undefined ? undefined : connection(source!, sourcePort!, destination!, destinationPort!),
    });
    for (let cut = 0; cut < length; cut += 1) expect(parseProxyHeader(ascii(text.slice(0, cut)))).toBe("more");
  });

  test.each([
    "GET / HTTP/1.1\r\n",
    "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
    "PROXY TCP4 ::1 1.2.3.4 1 1\r\n",
    "PROXY TCP6 1.2.3.4 ::1 1 1\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n",
    "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
    "PROXY UNKNOWNS\r\n",
    "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
    `PROXY UNKNOWN ${"x".repeat(200)}\r\n`,
  ])("refuses %j", (text) => {
    expect(() => parseProxyHeader(ascii(text))).toThrow(ProxyHeaderError);
  });
});

describe("version 2 (§2.2)", () => {
  test.each([
    ["TCP over IPv4", "21 11 000c c0a80001 c0a8000b dc04 01bb", connection("192.168.0.1", 56324, "192.168.0.11", 443)],
    [
      "TCP over IPv6, with a TLV",
      `21 21 0028 20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb 04 0001 00`,
      connection("2001:db8::1", 56324, "2001:db8::2", 443),
    ],
    ["LOCAL", "20 00 0000", undefined],
    ["LOCAL with addresses to skip", "20 11 000c c0a80001 c0a8000b dc04 01bb", undefined],
    ["UNSPEC", "21 00 0000", undefined],
    ["UDP", "21 12 000c c0a80001 c0a8000b dc04 01bb", undefined],
    ["UNIX", `21 31 00d8 ${"00".repeat(216)}`, undefined],
  ] as const)("%s", (_what, rest, expected) => {
    const bytes = hex(SIGNATURE + rest);
    const followed = Uint8Array.of(...bytes, 0x16, 0x03);
    expect(parseProxyHeader(followed)).toEqual({ length: bytes.length, connection: expected });
    for (let cut = 0; cut < bytes.length; cut += 1) expect(parseProxyHeader(bytes.subarray(0, cut))).toBe("more");
  });

  test.each([
    ["version 1", "11 11 000c"],
    ["an unknown command", "22 11 000c"],
    ["an unknown family", "21 41 0000"],
    ["an unknown protocol", "21 13 000c"],
    ["too short for its addresses", "21 11 000b"],
    ["too long", "21 11 0801"],
  ])("refuses %s", (_what, rest) => {
    expect(() => parseProxyHeader(hex(SIGNATURE + rest))).toThrow(ProxyHeaderError);
  });

  test("the header that we write", () => {
    const header = emitProxyHeader(2, connection("192.168.0.1", 56324, "192.168.0.11", 443));
    expect(header).toEqual(hex(`${SIGNATURE} 21 11 000c c0a80001 c0a8000b dc04 01bb`));
    const text = emitProxyHeader(1, connection("192.168.0.1", 56324, "::1", 443));
    expect(String.fromCharCode(...text)).toBe("PROXY TCP6 ::ffff:c0a8:1 ::1 56324 443\r\n");
  });
});

test.each([1, 2] as const)("a connection of the proxy's own, in version %i", (version) => {
  const header = emitLocalHeader(version);
  expect(parseProxyHeader(header)).toEqual({ length: header.length, connection: undefined });
});

const address = fc
  .constantFrom(4, 16)
  .chain((size) => fc.tuple(...[0, 1].map(() => fc.uint8Array({ minLength: size, maxLength: size }))));
const port = fc.integer({ min: 0, max: 0xffff });

test("what is written is read", () => {
  fc.assert(
    fc.property(fc.constantFrom(1 as const, 2 as const), address, port, port, (version, [from, to], one, two) => {
      const given = connection(formatIpAddress(from!), one, formatIpAddress(to!), two);
      const header = emitProxyHeader(version, given);
      expect(parseProxyHeader(header)).toEqual({ length: header.length, connection: given });
    }),
  );
});

test("any bytes are a header, the beginning of one, or a ProxyHeaderError", () => {
  const start = fc.constantFrom(hex(SIGNATURE), ascii("PROXY TCP4 "), new Uint8Array());
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, rest) => {
      let result: ProxyHeader | "more";
      try {
        result = parseProxyHeader(Uint8Array.of(...head, ...rest));
      } catch (error) {
        expect(error).toBeInstanceOf(ProxyHeaderError);
        return;
      }
      if (result !== "more") expect(result.length).toBeLessThanOrEqual(head.length + rest.length);
    }),
  );
});
