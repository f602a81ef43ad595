/** Hosts on one simulated wire, in virtual time. */

import { SeededRng } from "../../base/rng.ts";
import { type Instant, type Micros, seconds } from "../../base/time.ts";
import { parsePrefix } from "../../ip/index.ts";
import type { LinkDevice } from "../../link/index.ts";
import { createHub, FaultInjector, type FaultOptions, randomMac } from "../../link/index.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { Stack, type StackOptions } from "../stack.ts";

export interface HostSetup extends Partial<Omit<StackOptions, "interfaces" | "rng">> {
  readonly addresses: readonly string[];
  readonly gateways?: readonly string[];
  readonly faults?: FaultOptions;
  readonly detectConflicts?: boolean;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly mtu?: number;
}

export const ip = (text: string): Uint8Array => parseIpAddress(text)!;

export class World {
  now = seconds(1) as number as Instant;
  readonly stacks: readonly Stack[];
  readonly devices: readonly LinkDevice[];

  constructor(hosts: readonly HostSetup[], { seed = 1, mtu = 1500 }: WorldOptions = {}) {
    const rng = new SeededRng(seed);
    this.devices = createHub(hosts.length, { mtu });
    this.stacks = hosts.map(({ addresses, gateways = [], faults, detectConflicts = false, ...options }, i) => {
      const port = this.devices[i]!;
      const device = faults === undefined ? port : new FaultInjector(port, faults, new SeededRng(rng.uint32()));
      const own = new SeededRng(rng.uint32());
      return new Stack(
        {
          ...options,
          rng: own,
          interfaces: [
            {
              device,
              mac: randomMac(own),
              addresses: addresses.map((text) => parsePrefix(text)!),
              gateways: gateways.map(ip),
              detectConflicts,
            },
          ],
        },
        this.now,
      );
    });
  }

  /** Runs for a time, or until `isDone`. */
  run(span: Micros, isDone: () => boolean = () => false): void {
    const end = this.now + span;
    this.#flush();
    while (!isDone()) {
      const due = this.stacks.map((stack) => stack.nextTimeout()).filter((at) => at !== undefined);
      const next = due.length === 0 ? end : Math.min(...due);
      if (next > end) break;
      this.now = Math.max(this.now, next) as Instant;
      if (due.length === 0) break;
      for (const stack of this.stacks) stack.handleTimeout(this.now);
      this.#flush();
    }
    if (!isDone()) this.now = end as Instant;
  }

  #flush(): void {
    for (const stack of this.stacks) stack.flush(this.now);
  }
}
