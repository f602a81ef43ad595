/**
 * The largest datagram that the interface of a local address takes: what path MTU discovery may search up to. Most
 * paths take no more than Ethernet's 1500 bytes, but loopback and networks with jumbo frames do, and a datagram costs
 * nearly the same whatever its size.
 */

import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { SocketAddress } from "../../base/datagrams.ts";

/**
 * Larger datagrams save little: these cost a tenth of what datagrams for Ethernet do. A receiver's buffer of the usual
 * size still holds a dozen.
 */
const LARGEST = 16 * 1024;

/** Headers of IP, without options, and UDP. */
const HEADERS = { 4: 20 + 8, 6: 40 + 8 } as const;

/** Milliseconds for which the answer is kept: listing the interfaces takes long, and they seldom change. */
const KEPT_FOR = 60_000;

interface Interface {
  readonly mtu: number;
  /** True if no router can fragment what is sent on it. */
  readonly isLoopback: boolean;
}

/** What is known about interfaces: their addresses, and the MTU by name. */
export interface InterfaceSource {
  readonly addresses: () => ReturnType<typeof networkInterfaces>;
  /** Throws if the system does not say. */
  readonly mtu: (name: string) => number;
}

/** Only Linux has this file. */
const system: InterfaceSource = {
  addresses: networkInterfaces,
  mtu: (name) => Number.parseInt(readFileSync(`/sys/class/net/${name}/mtu`, "latin1"), 10),
};

export class InterfaceLimits {
  readonly #source: InterfaceSource;
  #byAddress = new Map<string, Interface>();
  #listedAt = Number.NEGATIVE_INFINITY;

  constructor(source: InterfaceSource = system) {
    this.#source = source;
  }

  /**
   * In bytes of UDP payload; undefined if unknown. A socket that cannot forbid fragmentation gets no limit but that of
   * loopback: a probe that was fragmented on its way would be acknowledged, although it is too large for the path (RFC
   * 9000 §14).
   */
  of(local: SocketAddress | undefined, canForbidFragments: boolean, now: number): number | undefined {
    if (local === undefined) return undefined;
    if (now - this.#listedAt >= KEPT_FOR) this.#list(now);
    const found = this.#byAddress.get(withoutZone(local.host)) ?? this.#loopbackOf(local);
    if (found === undefined || (!canForbidFragments && !found.isLoopback)) return undefined;
    return Math.min(found.mtu - HEADERS[local.family], LARGEST);
  }

  /** No interface lists the other addresses of 127/8. */
  #loopbackOf({ family, host }: SocketAddress): Interface | undefined {
    return family === 4 && host.startsWith("127.") ? this.#byAddress.get("127.0.0.1") : undefined;
  }

  #list(now: number): void {
    this.#listedAt = now;
    this.#byAddress = new Map();
    for (const [name, addresses = []] of this.#interfaces()) {
      const mtu = this.#mtuOf(name);
      if (mtu === undefined) continue;
      for (const { address, internal } of addresses) this.#byAddress.set(address, { mtu, isLoopback: internal });
    }
  }

  #interfaces(): [string, ReturnType<typeof networkInterfaces>[string]][] {
    try {
      return Object.entries(this.#source.addresses());
    } catch {
      // Android does not list them.
      return [];
    }
  }

  #mtuOf(name: string): number | undefined {
    try {
      const mtu = this.#source.mtu(name);
      return mtu > 0 ? mtu : undefined;
    } catch {
      return undefined;
    }
  }
}

const withoutZone = (host: string): string => host.replace(/%.*$/, "");
