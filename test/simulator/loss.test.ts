/**
 * Transfers over bad networks, in virtual time. A failing run names its seed, which reproduces it.
 *
 * NAGARE_SEEDS=a,b,c runs only those seeds.
 */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import { seedsOf } from "../properties/seeds.ts";
import { LINK, transfer } from "./transfer.ts";

const seeds = seedsOf({ all: 50, some: 4 });

describe("20 Mbit/s, 50 ms round trip", () => {
  test.each(seeds)("seed %i: 5 MB with 5 % loss each way, reordering and duplication", (seed) => {
    const impaired = { ...LINK, loss: 0.05, reordering: 0.05, reorderDelay: millis(10), duplication: 0.02 };
    const result = transfer({ seed, bytes: 5_000_000, link: impaired, maxVirtualTime: seconds(120) });
    expect(result.received).toBe(5_000_000);
    expect(result.isIdentical).toBe(true);
  });

  test.each(seeds)("seed %i: a handshake with 30 % loss each way", (seed) => {
    const result = transfer({ seed, bytes: 0, link: { ...LINK, loss: 0.3 }, maxVirtualTime: seconds(60) });
    expect(result.handshake).toBeLessThanOrEqual(seconds(60));
  });

  test("the same seed gives the same bytes", () => {
    const run = (seed: number) =>
      transfer({ seed, bytes: 300_000, link: { ...LINK, loss: 0.05 }, maxVirtualTime: seconds(60) }).digest;
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });

  test.each(["cubic", "newreno", "bbr"] as const)(
    "%s fills a link whose queue holds one round trip",
    (congestionControl) => {
      const bytes = 16_000_000;
      const narrow = { ...LINK, queue: 86 };
      const config = { congestionControl, maxIdleTimeout: seconds(60) };
      const { time, handshake } = transfer({ seed: 3, bytes, link: narrow, config, maxVirtualTime: seconds(60) });
      // Headers and acknowledgements take 4 %.
      expect((bytes * 8) / (time - handshake)).toBeGreaterThan(0.9 * 20);
    },
  );

  test("fills a lossless link", () => {
    const result = transfer({ seed: 1, bytes: 20_000_000, link: LINK, maxVirtualTime: seconds(60) });
    const mbits = (20_000_000 * 8) / result.time;
    expect(mbits).toBeGreaterThan(16);
  });
});
