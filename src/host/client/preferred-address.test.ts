/** A server must not make clients send to what only they can reach (RFC 9000 §21.5.3, §21.5.6). */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { isUsable } from "./preferred-address.ts";

const at = (host: string): SocketAddress => ({ family: host.includes(":") ? 6 : 4, host, port: 443 });
const isFollowed = (host: string, current: string): boolean => isUsable(at(host), at(current));

/** From the narrowest scope. */
const SCOPES_4 = ["127.0.0.9", "169.254.1.2", "192.168.1.1", "93.184.216.34"];
const SCOPES_6 = ["::1", "fe80::2", "fd12::1", "2001:db8::1"];

describe("a preferred address", () => {
  test.each([["IPv4", SCOPES_4] as const, ["IPv6", SCOPES_6] as const])(
    "that reaches less far than the server's is not followed (%s)",
    (_family, scopes) => {
      for (const [from, current] of scopes.entries()) {
        for (const [to, host] of scopes.entries())
          expect([host, isFollowed(host, current)]).toEqual([host, to >= from]);
      }
    },
  );

  test.each(["127.255.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.0.1", "100.64.0.1", "169.254.169.254"])(
    "of a public server cannot be %s, written as IPv6 either",
    (host) => {
      expect(isFollowed(host, "93.184.216.34")).toBe(false);
      expect(isFollowed(`::ffff:${host}`, "2001:db8::1")).toBe(false);
    },
  );

  test.each(["0.0.0.0", "0.1.2.3", "224.0.0.251", "255.255.255.255", "::", "ff02::fb", "::7f00:1", "nonsense"])(
    "is never %s",
    (host) => {
      for (const current of [...SCOPES_4, ...SCOPES_6]) expect(isFollowed(host, current)).toBe(false);
    },
  );

  test("of the other family is not followed, since it may not work (§9.6)", () => {
    expect(isFollowed("2001:db8::1", "93.184.216.34")).toBe(false);
    expect(isFollowed("172.32.0.1", "93.184.216.34")).toBe(true);
  });
});
