/** Downloads that outlive what happens to their path, in virtual time. */

import { describe, expect, test } from "vitest";
import { type Instant, millis, seconds } from "../../src/base/time.ts";
import { type LinkOptions, nat } from "../../src/sim/index.ts";
import { type TransferOptions, transfer } from "./transfer.ts";

const SEEDS = process.env.NAGARE_SEEDS?.split(",").map(Number) ?? [1];
const LINK: LinkOptions = { delay: millis(15), rate: 10e6, queue: 40 };
const at = (count: number): Instant => seconds(count) as number as Instant;

/** Ten megabytes take eight seconds on this link. */
const download = (seed: number, options: Partial<TransferOptions> = {}) =>
  transfer({
    seed,
    bytes: 10_000_000,
    link: LINK,
    maxVirtualTime: seconds(120),
    config: { maxIdleTimeout: seconds(60), keepAlive: seconds(15) },
    ...options,
  });

const OUTSIDE = ["203.0.113.1", "203.0.113.2"];

describe.each(SEEDS)("a download survives (seed %i)", (seed) => {
  test.each(["before", "behind"])("a NAT %s the link that changes its port every second", (place) => {
    const home = nat({ addresses: OUTSIDE, rebinding: { first: seconds(1), every: seconds(1) } });
    const result = download(seed, place === "before" ? { first: [home] } : { middle: [home] });
    expect(result.isIdentical).toBe(true);
    expect(result.server.stats.migrations).toBeGreaterThan(5);
    // Each change costs less than half a second.
    expect(result.time).toBeLessThan(at(14));
  });

  test("a change of address", () => {
    const home = nat({ addresses: OUTSIDE, rebinding: { at: [at(3)], address: true } });
    const result = download(seed, { first: [home] });
    expect(result.isIdentical).toBe(true);
    expect(result.server.remoteAddress.host).toBe(OUTSIDE[1]);
    expect(result.time).toBeLessThan(at(10.5));
  });

  test("a black hole of 20 seconds, until the next probe", () => {
    const link: LinkOptions = { ...LINK, blackhole: { intervals: [[at(2), at(22)]] } };
    const arrivals: Instant[] = [];
    const result = download(seed, {
      link,
      capture: ({ what, time }) => {
        if (what === "delivered") arrivals.push(time);
      },
    });
    expect(result.isIdentical).toBe(true);
    // Probes double their distance, so the next one comes after at most the time that has passed since the last packet.
    const resumed = arrivals.find((time) => time > at(22))!;
    expect(resumed).toBeLessThan(at(22 + 20));
    expect(result.time).toBeLessThan(at(50));
  });

  test("an MTU that falls to 1280", () => {
    const result = download(seed, { link: { ...LINK, changes: [{ at: at(3), mtu: 1280 }] } });
    expect(result.isIdentical).toBe(true);
    expect(result.server.route.maxDatagramSize).toBeLessThanOrEqual(1280 - 28);
    expect(result.time).toBeLessThan(at(13));
  });
});
