import { expect, test } from "vitest";
import { sortAddresses } from "./address-order.ts";
import { NetworkHistory } from "./history.ts";

test("§4: of addresses that are equal otherwise, the fastest comes first, then those that worked, on this network", () => {
  const history = new NetworkHistory();
  const addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"];
  const sorted = (): string[] => sortAddresses(addresses, { historyOf: (address) => history.of(address) });
  const unknown = sorted();
  expect(unknown).toEqual(["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  history.record("192.0.2.2", 80);
  history.record("192.0.2.3", 20);
  history.record("192.0.2.3", undefined);
  expect(sorted()).toEqual(["2001:db8::1", "192.0.2.3", "192.0.2.2", "192.0.2.1"]);
  history.forget();
  expect(sorted()).toEqual(unknown);
  for (let i = 0; i < 1_001; i += 1) history.record(`198.51.${i >> 8}.${i & 255}`, i);
  expect([history.of("198.51.0.0"), history.of("198.51.0.1")]).toEqual([undefined, { rtt: 1 }]);
});
