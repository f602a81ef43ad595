/** The client's address behind trusted proxies: the rightmost address that is not one of theirs. */

import { expect, test } from "vitest";
import type { ServerExchange } from "../host/http/exchange.ts";
import type { FieldSection } from "../http/index.ts";
import { forwardedFor, TrustedProxies } from "./trusted-proxies.ts";

const from = (address: string, fields: FieldSection): ServerExchange =>
  ({ remoteAddress: { address, port: 1, family: "IPv4" }, fields }) as unknown as ServerExchange;

const trusted = new TrustedProxies(["10.0.0.0/8", "2001:db8::/32"]);

test.each([
  ["an untrusted peer", "192.0.2.9", [["x-forwarded-for", "6.6.6.6"]], "192.0.2.9"],
  ["no field", "10.0.0.1", [], "10.0.0.1"],
  ["one address", "10.0.0.1", [["x-forwarded-for", "192.0.2.1"]], "192.0.2.1"],
  ["an address that the client made up", "10.0.0.1", [["x-forwarded-for", "6.6.6.6, 192.0.2.1"]], "192.0.2.1"],
  ["two proxies", "10.0.0.1", [["x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.9.9.9"]], "192.0.2.1"],
  [
    "two lines",
    "10.0.0.1",
    [
      ["x-forwarded-for", "192.0.2.1"],
      ["x-forwarded-for", "2001:db8::5"],
    ],
    "192.0.2.1",
  ],
  ["only trusted addresses", "10.0.0.1", [["x-forwarded-for", "10.0.0.7, 10.0.0.8"]], "10.0.0.7"],
  ["a port", "10.0.0.1", [["x-forwarded-for", "192.0.2.1:4711"]], "192.0.2.1"],
  ["IPv6 with a port", "10.0.0.1", [["x-forwarded-for", "[2001:db9::1]:4711"]], "2001:db9::1"],
  ["an element that is no address", "10.0.0.1", [["x-forwarded-for", "6.6.6.6, unknown, 10.0.0.2"]], "10.0.0.2"],
  ["an empty element", "10.0.0.1", [["x-forwarded-for", "6.6.6.6, "]], "10.0.0.1"],
  [
    "Forwarded",
    "10.0.0.1",
    [["forwarded", 'for=6.6.6.6, for="[2001:db9::1]:80";proto=https, FOR=10.2.2.2']],
    "2001:db9::1",
  ],
  ["Forwarded with an obfuscated node", "10.0.0.1", [["forwarded", "for=6.6.6.6, for=_hidden"]], "10.0.0.1"],
  ["a comma in quotes", "10.0.0.1", [["forwarded", 'for=192.0.2.1;by="a, for=6.6.6.6"']], "192.0.2.1"],
  [
    "both, of which a proxy writes only one",
    "10.0.0.1",
    [
      ["forwarded", "for=6.6.6.6"],
      ["x-forwarded-for", "192.0.2.1"],
    ],
    "192.0.2.1",
  ],
] as const)("%s", (_what, peer, fields, expected) => {
  expect(trusted.clientOf(from(peer, fields)).address).toBe(expected);
});

test("a client that moves keeps the address at which its connection began", () => {
  const firstAddress = { address: "192.0.2.1", port: 1, family: "IPv4" };
  const moved = { ...from("192.0.2.2", []), firstAddress } as unknown as ServerExchange;
  expect(trusted.clientOf(moved).address).toBe("192.0.2.1");
});

test("long lists are cut, and parsing them takes linear time", () => {
  const list = `${"10.0.0.1, ".repeat(200_000)}10.0.0.2`;
  expect(trusted.pathOf(from("10.0.0.1", [["x-forwarded-for", list]])).addresses).toHaveLength(100);
  expect(forwardedFor(`for=${'"'.repeat(50_000)}`).length).toBeLessThan(50_000);
  expect(forwardedFor(";".repeat(200_000))).toHaveLength(1);
});

test("an invalid prefix is refused", () => {
  expect(() => new TrustedProxies(["10.0.0.0/40"])).toThrow('trustedProxies: "10.0.0.0/40" is not an address: give');
});
