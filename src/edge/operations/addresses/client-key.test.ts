import { expect, test } from "vitest";
import { clientKey, networkOf } from "./client-key.ts";

test("IPv6 clients count by their /64, and logs may hold the network only", () => {
  expect([clientKey("192.0.2.7"), clientKey("2001:db8:1:2:3:4:5:6")]).toEqual(["192.0.2.7", "2001:db8:1:2::/64"]);
  expect([networkOf("192.0.2.7"), networkOf("2001:db8:1:2::6")]).toEqual(["192.0.2.0", "2001:db8:1::"]);
});
