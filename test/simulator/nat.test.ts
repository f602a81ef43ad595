/** Transfers through a NAT that changes its mappings (RFC 9000 §9). The server follows the client. */

import { describe, expect, test } from "vitest";
import { type Instant, millis, seconds } from "../../src/base/time.ts";
import { type NetworkElement, relay } from "../../src/sim/index.ts";
import { transfer } from "./transfer.ts";

const OUTSIDE = "203.0.113.9";

/** Changes the client's external port at a fixed interval after `from`. Datagrams to an old port are dropped. */
function rebindingNat(from: Instant, interval: number) {
  const ports = new Set<number>();
  const portAt = (now: Instant): number => 20_000 + Math.max(0, Math.ceil((now - from) / interval));
  const element: NetworkElement = relay((datagram, direction, now) => {
    const port = portAt(now);
    if (direction === "forward") {
      ports.add(port);
      inside = datagram.source;
      return [{ datagram: { ...datagram, source: { family: 4, host: OUTSIDE, port } }, direction }];
    }
    if (datagram.destination.port !== port) return [];
    return [{ datagram: { ...datagram, destination: inside! }, direction }];
  });
  let inside: { readonly family: 4 | 6; readonly host: string; readonly port: number } | undefined;
  return { element, ports };
}

describe("a NAT that changes its mapping", () => {
  test.each([1, 2, 3])("does not corrupt a transfer, even on a lossy link (seed %i)", (seed) => {
    const { element, ports } = rebindingNat(millis(500) as number as Instant, millis(700));
    const result = transfer({
      seed,
      bytes: 3_000_000,
      link: { delay: millis(15), rate: 8e6, loss: 0.005 },
      middle: [element],
      maxVirtualTime: seconds(120),
      // Datagrams to an old port do not reach the client, so the client must send something regularly.
      config: { keepAlive: seconds(1) },
    });
    expect(result.isIdentical).toBe(true);
    expect(ports.size).toBeGreaterThan(2);
    expect(result.server.stats.migrations).toBeGreaterThan(1);
    expect(result.server.remoteAddress.host).toBe(OUTSIDE);
    expect(result.client.stats.migrations).toBe(0);
  });

  test.each([1, 2, 3])(
    "every second costs a download little time: lost challenges are not congestion (seed %i)",
    (seed) => {
      const time = (middle: readonly NetworkElement[]): number =>
        transfer({
          seed,
          bytes: 12_000_000,
          link: { delay: millis(25), rate: 20e6, queue: 100 },
          middle,
          maxVirtualTime: seconds(120),
        }).time;
      const undisturbed = time([]);
      expect(time([rebindingNat(millis(500) as number as Instant, seconds(1)).element])).toBeLessThan(
        1.3 * undisturbed,
      );
    },
  );
});
