/** A bulk transfer over one simulated link, in virtual time. */

import { expect } from "vitest";
import type { SocketAddress } from "../../../base/datagrams.ts";
import { SeededRng } from "../../../base/rng.ts";
import { type Instant, micros, millis, seconds } from "../../../base/time.ts";
import { host, type LinkOptions, link, type SimulationResult, simulate } from "../../../sim/index.ts";
import type { RouteOptions } from "../../route/index.ts";
import { BulkReceiver, BulkSender } from "./bulk.ts";

export const SENDER: SocketAddress = { family: 4, host: "10.0.0.1", port: 443 };
export const RECEIVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 5000 };

/** The interop runner's default: one-way 15 ms, 10 Mbit/s, 25 packets of queue. */
export const DEFAULT_LINK: LinkOptions = { delay: millis(15), rate: 10e6, queue: 25 };

export interface BulkTransferOptions {
  readonly seed?: number;
  readonly total?: number;
  readonly route?: Partial<RouteOptions>;
  readonly timerGrain?: number;
  /** Called after each event in the network. */
  readonly watch?: (sender: BulkSender, time: Instant) => void;
}

export interface BulkTransfer {
  readonly sender: BulkSender;
  readonly drops: number;
  readonly result: SimulationResult;
  readonly mbps: number;
}

export function bulkTransfer(options: LinkOptions, run: BulkTransferOptions = {}): BulkTransfer {
  const { seed = 1, total = 10_000_000, route = {}, timerGrain = 1_000, watch } = run;
  const grain = micros(timerGrain);
  const sender = new BulkSender({ remote: RECEIVER, total, rng: new SeededRng(seed), timerGrain: grain, ...route });
  let drops = 0;
  const result = simulate({
    seed,
    network: [
      host({ name: "sender", address: SENDER, machine: sender, timerGrain: grain }),
      link(options),
      host({ name: "receiver", address: RECEIVER, machine: new BulkReceiver() }),
    ],
    capture: ({ reason, time }) => {
      if (reason !== undefined) drops += 1;
      watch?.(sender, time);
    },
    until: () => sender.isDone,
    maxVirtualTime: seconds(120),
  });
  expect(sender.route.controller.bytesInFlight).toBeGreaterThanOrEqual(0);
  return { sender, drops, result, mbps: (total * 8) / result.time };
}
