import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { InterfaceLimits } from "./interface-limit.ts";

const MTUS: Record<string, number> = { lo: 65_536, eth0: 1_500, jumbo0: 9_000 };
const entry = (address: string, internal = false) => ({ address, internal }) as NetworkInterfaceInfo;
const ADDRESSES = {
  lo: [entry("127.0.0.1", true), entry("::1", true)],
  eth0: [entry("192.0.2.1"), entry("2001:db8::1")],
  jumbo0: [entry("192.0.2.129"), entry("fe80::1")],
  unknown0: [entry("192.0.2.200")],
};

const at = (host: string): SocketAddress => ({ family: host.includes(":") ? 6 : 4, host, port: 443 });

function limits(addresses: () => Record<string, NetworkInterfaceInfo[]> = () => ADDRESSES) {
  let listed = 0;
  const found = new InterfaceLimits({
    addresses: () => {
      listed += 1;
      return addresses();
    },
    mtu: (name) => {
      if (MTUS[name] === undefined) throw new Error("ENOENT");
      return MTUS[name];
    },
  });
  return { found, listed: () => listed };
}

describe("the largest datagram of an interface", () => {
  test.each([
    ["192.0.2.1", 1_472],
    ["2001:db8::1", 1_452],
    ["192.0.2.129", 8_972],
    ["fe80::1%jumbo0", 8_952],
    ["127.0.0.1", 16_384],
    ["127.0.0.9", 16_384],
    ["::1", 16_384],
    ["192.0.2.200", undefined],
    ["198.51.100.1", undefined],
  ])("of %s: %s bytes", (host, expected) => {
    expect(limits().found.of(at(host), true, 0)).toBe(expected);
  });

  test("is unknown for a socket on an unknown address", () => {
    expect(limits().found.of(undefined, true, 0)).toBeUndefined();
  });

  test("is that of loopback only, if the socket cannot forbid fragments", () => {
    const { found } = limits();
    expect(found.of(at("192.0.2.129"), false, 0)).toBeUndefined();
    expect(found.of(at("::1"), false, 0)).toBe(16_384);
  });

  test("lists the interfaces once a minute", () => {
    const { found, listed } = limits();
    for (const now of [0, 1, 59_999]) found.of(at("192.0.2.1"), true, now);
    expect(listed()).toBe(1);
    found.of(at("192.0.2.1"), true, 60_000);
    expect(listed()).toBe(2);
  });

  test("is unknown on a system that does not list its interfaces", () => {
    const { found } = limits(() => {
      throw new Error("EACCES");
    });
    expect(found.of(at("127.0.0.1"), true, 0)).toBeUndefined();
  });
});
