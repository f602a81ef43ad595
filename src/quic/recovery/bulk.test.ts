/**
 * A bulk transfer with only loss recovery, congestion control, pacing and acknowledgements, on the links of the interop
 * runner. Goodput is in virtual time, so these numbers are exact for each seed.
 */

import { describe, expect, test } from "vitest";
import { seedsOf } from "../../../test/properties/seeds.ts";
import type { SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { micros, millis, seconds } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import { host, type LinkOptions, link, simulate } from "../../sim/index.ts";
import { BulkReceiver, BulkSender } from "./testing/bulk.ts";
import { bulkTransfer, DEFAULT_LINK } from "./testing/bulk-transfer.ts";

const seeds = seedsOf({ all: 10, some: 3 });

describe("goodput", () => {
  test("uses nine tenths of the runner's default link, with any seed", () => {
    for (const seed of seeds) expect(bulkTransfer(DEFAULT_LINK, { seed, total: 5_000_000 }).mbps).toBeGreaterThan(9);
  });

  test("a coarse timer costs nothing, because the pacer's burst compensates", () => {
    for (const timerGrain of [1_000, 4_000, 15_000]) {
      expect(bulkTransfer(DEFAULT_LINK, { timerGrain, total: 5_000_000 }).mbps).toBeGreaterThan(9);
    }
  });

  test("adapts to reordering, at little cost", () => {
    for (const seed of seeds.slice(0, 3)) {
      const run = bulkTransfer({ ...DEFAULT_LINK, reordering: 0.2, reorderDelay: millis(5) }, { seed });
      expect(run.sender.recovery.spuriousLosses).toBeGreaterThan(10);
      expect(run.mbps).toBeGreaterThan(9);
    }
  });

  test("fills a fast short link", () => {
    const run = bulkTransfer({ delay: micros(50), rate: 1e9, queue: 100 }, { total: 20_000_000 });
    expect(run.mbps).toBeGreaterThan(800);
  });

  test("a queue that marks instead of dropping loses almost nothing", () => {
    const run = bulkTransfer({ ...DEFAULT_LINK, ecnThreshold: 10 }, { route: { ecn: true } });
    expect(run.sender.route.ecn.state).toBe("capable");
    expect(run.drops).toBeLessThan(5);
    expect(run.mbps).toBeGreaterThan(8);
  });
});

describe.each(["cubic", "newreno", "bbr"] satisfies CongestionControl[])("%s", (congestionControl) => {
  const run = { route: { congestionControl } };

  test("uses nine tenths of a link with a short queue", () => {
    expect(bulkTransfer(DEFAULT_LINK, run).mbps).toBeGreaterThan(9);
  });

  test("uses nine tenths of a link whose queue holds one round trip", () => {
    const oneBdp = { delay: millis(25), rate: 20e6, queue: 104 };
    expect(bulkTransfer(oneBdp, { ...run, total: 16_000_000 }).mbps).toBeGreaterThan(18);
  });

  test("two transfers share a bottleneck fairly", () => {
    const { share, mbps } = shareBottleneck(congestionControl, congestionControl);
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.7);
    expect(mbps).toBeGreaterThan(9);
  });
});

test("BBR leaves CUBIC a quarter of a bottleneck, and the reverse", () => {
  const { share } = shareBottleneck("bbr", "cubic");
  expect(share).toBeGreaterThan(0.25);
  expect(share).toBeLessThan(0.75);
});

test.each([98, 102, 106])(
  "two CUBIC transfers share a link of 50 ms with a queue of %i packets 40:60 or better",
  (queue) => {
    const { share, mbps } = shareBottleneck("cubic", "cubic", { delay: millis(25), rate: 20e6, queue });
    expect(Math.min(share, 1 - share)).toBeGreaterThan(0.4);
    expect(mbps).toBeGreaterThan(18);
  },
);

/** Two transfers over one link for a minute: the share of the first, and the sum of both rates. */
function shareBottleneck(
  first: CongestionControl,
  second: CongestionControl,
  options: LinkOptions = DEFAULT_LINK,
): { share: number; mbps: number } {
  const addresses = [1, 2].map((n): SocketAddress => ({ family: 4, host: `10.0.1.${n}`, port: 443 }));
  const receivers = [1, 2].map((n): SocketAddress => ({ family: 4, host: `10.0.2.${n}`, port: 5000 }));
  const senders = receivers.map((remote, i) => {
    const congestionControl = i === 0 ? first : second;
    return new BulkSender({ remote, total: 1e9, rng: new SeededRng(i), timerGrain: millis(1), congestionControl });
  });
  const bytes = [0, 0];
  simulate({
    seed: 1,
    network: [
      host(...senders.map((machine, i) => ({ name: `sender ${i}`, address: addresses[i]!, machine }))),
      link(options),
      host(...receivers.map((address, i) => ({ name: `receiver ${i}`, address, machine: new BulkReceiver() }))),
    ],
    capture: ({ what, direction, datagram }) => {
      if (what !== "delivered" || direction !== "forward") return;
      const flow = receivers.indexOf(datagram.destination);
      bytes[flow] = bytes[flow]! + datagram.bytes.length;
    },
    maxVirtualTime: seconds(60),
  });
  const total = bytes[0]! + bytes[1]!;
  return { share: bytes[0]! / total, mbps: (total * 8) / 60e6 };
}

describe("the runner's bad links", () => {
  test("2 % loss", () => {
    for (const seed of seeds) {
      const run = bulkTransfer({ ...DEFAULT_LINK, loss: 0.02, maxLossBurst: 3 }, { seed, total: 2_000_000 });
      expect(run.drops).toBeGreaterThan(20);
      expect(run.mbps).toBeGreaterThan(1);
    }
  });

  test("30 % loss still completes", () => {
    for (const seed of seeds) bulkTransfer({ ...DEFAULT_LINK, loss: 0.3, maxLossBurst: 3 }, { seed, total: 100_000 });
  });

  test("a blackhole of 2 s in 7 costs little more than its own duration", () => {
    const run = bulkTransfer({ ...DEFAULT_LINK, blackhole: { on: seconds(5), off: seconds(2) } });
    expect(run.sender.persistentCongestions).toBeGreaterThan(0);
    expect(run.mbps).toBeGreaterThan(6.5);
  });

  test("duplicates do no harm", () => {
    expect(bulkTransfer({ ...DEFAULT_LINK, duplication: 0.1 }, { total: 2_000_000 }).mbps).toBeGreaterThan(7);
  });
});

test("the same seed gives the same transfer, bit for bit", () => {
  const digest = (seed: number) =>
    bulkTransfer({ ...DEFAULT_LINK, loss: 0.02, reordering: 0.05 }, { seed, total: 500_000 }).result.digest;
  expect(digest(5)).toBe(digest(5));
  expect(digest(5)).not.toBe(digest(6));
});
