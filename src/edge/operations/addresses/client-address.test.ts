import { describe, expect, test } from "vitest";
import type { ServerExchange } from "../../../host/http/exchange.ts";
import { AddressSet } from "../../../host/listen/address-set.ts";
import type { FieldSection } from "../../../http/index.ts";
import { clientAddress, clientKey, networkOf } from "./client-address.ts";

const exchange = (address: string, fields: FieldSection, firstAddress?: string): ServerExchange =>
  ({
    remoteAddress: { address },
    ...(firstAddress === undefined ? {} : { firstAddress: { address: firstAddress } }),
    fields,
  }) as unknown as ServerExchange;

describe("the client's address", () => {
  const proxies = new AddressSet("trustedProxies", ["10.0.0.0/8", "2001:db8:1::/48"]);

  test.each<[string, string, FieldSection, string]>([
    ["without proxies", "192.0.2.1", [["x-forwarded-for", "1.1.1.1"]], "192.0.2.1"],
    ["of a trusted proxy", "10.0.0.1", [["x-forwarded-for", "192.0.2.9"]], "192.0.2.9"],
    ["that a client claims", "10.0.0.1", [["x-forwarded-for", "1.1.1.1, 192.0.2.9, 10.0.0.2"]], "192.0.2.9"],
    [
      "in several lines",
      "10.0.0.1",
      [
        ["x-forwarded-for", "1.1.1.1"],
        ["x-forwarded-for", "192.0.2.9:4711"],
      ],
      "192.0.2.9",
    ],
    [
      "in Forwarded",
      "2001:db8:1::2",
      [["forwarded", 'for=1.1.1.1, for="[2001:db8:2::3]:47";proto=https']],
      "2001:db8:2::3",
    ],
    ["that is hidden", "10.0.0.1", [["forwarded", "for=1.1.1.1, for=_hidden"]], "10.0.0.1"],
    ["that is not given", "10.0.0.1", [], "10.0.0.1"],
    ["of trusted proxies only", "10.0.0.1", [["x-forwarded-for", "10.0.0.3"]], "10.0.0.3"],
  ])("%s", (_name, address, fields, expected) => {
    expect(clientAddress(exchange(address, fields), proxies)).toBe(expected);
  });

  test("is the one at which a connection that moved began", () => {
    expect(clientAddress(exchange("192.0.2.2", [], "192.0.2.1"), proxies)).toBe("192.0.2.1");
  });
});

test("an entry that is not an address names the option", () => {
  expect(() => new AddressSet("trustedProxies", ["10.0.0.0/33"])).toThrow(
    'trustedProxies: "10.0.0.0/33" is not an address',
  );
});

test("IPv6 clients count by their /64, and logs may hold the network only", () => {
  expect([clientKey("192.0.2.7"), clientKey("2001:db8:1:2:3:4:5:6")]).toEqual(["192.0.2.7", "2001:db8:1:2::/64"]);
  expect([networkOf("192.0.2.7"), networkOf("2001:db8:1:2::6")]).toEqual(["192.0.2.0", "2001:db8:1::"]);
});
