/**
 * A bulk transfer with only loss recovery, congestion control, pacing and acknowledgements, on the links of the interop
 * runner. Goodput is in virtual time, so these numbers are exact for each seed.
 */

import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { micros, millis, seconds } from "../../base/time.ts";
import { host, type LinkOptions, link, simulate } from "../../sim/index.ts";
import type { RouteOptions } from "../route/index.ts";
import { BulkReceiver, BulkSender } from "./testing/bulk.ts";

const SENDER: SocketAddress = { family: 4, host: "10.0.0.1", port: 443 };
const RECEIVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 5000 };

/** One-way 15 ms, 10 Mbit/s, 25 packets of queue. */
const DEFAULT: LinkOptions = { delay: millis(15), rate: 10e6, queue: 25 };

interface Run {
  readonly seed?: number;
  readonly total?: number;
  readonly route?: Partial<RouteOptions>;
  readonly timerGrain?: number;
}

function transfer(options: LinkOptions, { seed = 1, total = 10_000_000, route = {}, timerGrain = 1_000 }: Run = {}) {
  const grain = micros(timerGrain);
  const sender = new BulkSender({ remote: RECEIVER, total, rng: new SeededRng(seed), timerGrain: grain, ...route });
  const drops: string[] = [];
  const result = simulate({
    seed,
    network: [
      host({ name: "sender", address: SENDER, machine: sender, timerGrain: grain }),
      link(options),
      host({ name: "receiver", address: RECEIVER, machine: new BulkReceiver() }),
    ],
    capture: ({ reason }) => reason !== undefined && drops.push(reason),
    until: () => sender.isDone,
    maxVirtualTime: seconds(120),
  });
  expect(sender.route.controller.bytesInFlight).toBeGreaterThanOrEqual(0);
  return { sender, drops: drops.length, result, mbps: (total * 8) / result.time };
}

const seeds = Array.from({ length: 10 }, (_, i) => i + 1);

describe("goodput", () => {
  test("uses nine tenths of the runner's default link", () => {
    for (const seed of seeds) expect(transfer(DEFAULT, { seed, total: 5_000_000 }).mbps).toBeGreaterThan(9);
  });

  test("a coarse timer costs nothing, because the pacer's burst compensates", () => {
    for (const timerGrain of [1_000, 4_000, 15_000]) {
      expect(transfer(DEFAULT, { timerGrain, total: 5_000_000 }).mbps).toBeGreaterThan(9);
    }
  });

  test("adapts to reordering, at little cost", () => {
    for (const seed of seeds.slice(0, 3)) {
      const run = transfer({ ...DEFAULT, reordering: 0.2, reorderDelay: millis(5) }, { seed });
      expect(run.sender.recovery.spuriousLosses).toBeGreaterThan(10);
      expect(run.mbps).toBeGreaterThan(9);
    }
  });

  test("fills a fast short link", () => {
    const run = transfer({ delay: micros(50), rate: 1e9, queue: 100 }, { total: 20_000_000 });
    expect(run.mbps).toBeGreaterThan(800);
  });

  test("a queue that marks instead of dropping loses almost nothing", () => {
    const run = transfer({ ...DEFAULT, ecnThreshold: 10 }, { route: { ecn: true } });
    expect(run.sender.route.ecn.state).toBe("capable");
    expect(run.drops).toBeLessThan(5);
    expect(run.mbps).toBeGreaterThan(8);
  });
});

test("two transfers share a bottleneck fairly", () => {
  const addresses = [1, 2].map((n): SocketAddress => ({ family: 4, host: `10.0.1.${n}`, port: 443 }));
  const receivers = [1, 2].map((n): SocketAddress => ({ family: 4, host: `10.0.2.${n}`, port: 5000 }));
  const senders = receivers.map(
    (remote, i) => new BulkSender({ remote, total: 1e9, rng: new SeededRng(i), timerGrain: millis(1) }),
  );
  const bytes = [0, 0];
  simulate({
    seed: 1,
    network: [
      host(...senders.map((machine, i) => ({ name: `sender ${i}`, address: addresses[i]!, machine }))),
      link(DEFAULT),
      host(...receivers.map((address, i) => ({ name: `receiver ${i}`, address, machine: new BulkReceiver() }))),
    ],
    capture: ({ what, direction, datagram }) => {
      if (what !== "delivered" || direction !== "forward") return;
      const flow = receivers.indexOf(datagram.destination);
      bytes[flow] = bytes[flow]! + datagram.bytes.length;
    },
    maxVirtualTime: seconds(60),
  });
  const [first, second] = bytes as [number, number];
  const share = first / (first + second);
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(0.7);
  expect(((first + second) * 8) / 60e6).toBeGreaterThan(9);
});

describe("the runner's bad links", () => {
  test("2 % loss", () => {
    for (const seed of seeds) {
      const run = transfer({ ...DEFAULT, loss: 0.02, maxLossBurst: 3 }, { seed, total: 2_000_000 });
      expect(run.drops).toBeGreaterThan(20);
      expect(run.mbps).toBeGreaterThan(1);
    }
  });

  test("30 % loss still completes", () => {
    for (const seed of seeds) transfer({ ...DEFAULT, loss: 0.3, maxLossBurst: 3 }, { seed, total: 100_000 });
  });

  test("a blackhole of 2 s in 7 costs little more than its own duration", () => {
    const run = transfer({ ...DEFAULT, blackhole: { on: seconds(5), off: seconds(2) } });
    expect(run.sender.persistentCongestions).toBeGreaterThan(0);
    expect(run.mbps).toBeGreaterThan(6.5);
  });

  test("duplicates do no harm", () => {
    expect(transfer({ ...DEFAULT, duplication: 0.1 }, { total: 2_000_000 }).mbps).toBeGreaterThan(7);
  });
});

test("the same seed gives the same transfer, bit for bit", () => {
  const digest = (seed: number) =>
    transfer({ ...DEFAULT, loss: 0.02, reordering: 0.05 }, { seed, total: 500_000 }).result.digest;
  expect(digest(5)).toBe(digest(5));
  expect(digest(5)).not.toBe(digest(6));
});
