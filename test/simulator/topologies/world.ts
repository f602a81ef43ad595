/** A random network: a server behind some routers, and clients on links of their own, perhaps behind a NAT. */

import type { SocketAddress } from "../../../src/base/datagrams.ts";
import { type Rng, uniform } from "../../../src/base/rng.ts";
import { type Instant, type Micros, micros } from "../../../src/base/time.ts";
import {
  type Graph,
  type LinkOptions,
  type NodeElement,
  nat,
  router,
  type WireElement,
  wire,
} from "../../../src/sim/index.ts";

/** Random choices, all from one source. */
export class Choices {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** A whole number in [least, most]. */
  whole(least: number, most: number): number {
    return least + Math.floor(uniform(this.#rng) * (most - least + 1));
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return uniform(this.#rng) < probability;
  }

  one<T>(of: readonly T[]): T {
    return of[this.whole(0, of.length - 1)]!;
  }

  /** A duration between two numbers of milliseconds. */
  time(least: number, most: number): Micros {
    return micros(1_000 * least + uniform(this.#rng) * 1_000 * (most - least));
  }
}

export const SERVER: SocketAddress = { family: 4, host: "10.0.0.1", port: 443 };

export const clientAddress = (index: number): SocketAddress => ({ family: 4, host: `10.1.${index}.1`, port: 50_000 });

/** Every client has two addresses. */
export const otherAddress = (index: number): SocketAddress => ({ family: 4, host: `10.1.${index}.3`, port: 50_000 });

function randomLink(choose: Choices): LinkOptions {
  return {
    delay: choose.time(0, 60),
    rate: choose.one([500e3, 2e6, 10e6, 100e6, 1e9]),
    queue: choose.one<NonNullable<LinkOptions["queue"]>>([
      12,
      25,
      100,
      { type: "codel", packets: 200, ecn: true },
      { type: "red", minThreshold: 5, maxThreshold: 20 },
    ]),
    ...(choose.chance(0.4) ? { loss: choose.one([0.005, 0.03, 0.1]), maxLossBurst: 3 } : {}),
    ...(choose.chance(0.2) ? { reordering: 0.05, reorderDelay: choose.time(1, 20) } : {}),
    ...(choose.chance(0.2) ? { duplication: 0.05 } : {}),
    ...(choose.chance(0.2) ? { corruption: 0.02, maxCorruptionBurst: 3 } : {}),
    ...(choose.chance(0.2) ? { jitter: choose.time(1, 10) } : {}),
    ...(choose.chance(0.3) ? { mtu: choose.one([1280, 1350, 1400]) } : {}),
  };
}

export interface World {
  readonly graph: (hosts: readonly NodeElement[]) => Graph;
  readonly clients: number;
  /** Clients whose address stays, so that a later handshake succeeds too (RFC 9000 §9). */
  readonly settled: ReadonlySet<number>;
  /** Clients that move to another of their addresses, and when. */
  readonly migrations: readonly { readonly client: number; readonly at: Instant; readonly to: SocketAddress }[];
  /** Clients whose address changes without their knowledge, and when. */
  readonly moves: readonly { readonly client: number; readonly at: Instant; readonly to: SocketAddress }[];
}

/** RFC 9000 §9: until the handshake is confirmed, addresses must not change. Milliseconds. */
const STABLE = 15_000;

/** The host of client n is named `client n`, that of the server `server`. */
export function randomWorld(choose: Choices): World {
  const clients = choose.whole(1, 3);
  const routers = choose.whole(1, 3);
  const nodes: NodeElement[] = [];
  const wires: WireElement[] = [];
  const both = (from: string, to: string): void => {
    const forward = randomLink(choose);
    wires.push(wire(from, to, forward, choose.chance(0.5) ? forward : randomLink(choose)));
  };
  for (let n = 0; n < routers; n += 1) nodes.push(router(`router ${n}`));
  for (let n = 1; n < routers; n += 1) both(`router ${n}`, `router ${n - 1}`);
  both("router 0", "server");
  const moves: World["moves"][number][] = [];
  const settled = new Set<number>();
  const migrations: World["migrations"][number][] = [];
  for (let n = 0; n < clients; n += 1) {
    for (let count = choose.chance(0.3) ? choose.whole(1, 3) : 0; count > 0; count -= 1) {
      const to = choose.one([clientAddress(n), otherAddress(n)]);
      migrations.push({ client: n, at: choose.time(STABLE, STABLE + 8_000) as number as Instant, to });
    }
    const edge = `router ${choose.whole(0, routers - 1)}`;
    if (choose.chance(0.4)) {
      const times = Array.from({ length: choose.whole(0, 4) }, () => choose.time(STABLE, STABLE + 6_000));
      const rebinding = { at: times.sort((a, b) => a - b) as number[] as Instant[], address: choose.chance(0.5) };
      const name = `nat ${n}`;
      nodes.push(nat({ name, addresses: [`10.2.${n}.1`, `10.2.${n}.2`], outside: edge, rebinding }));
      both(`client ${n}`, name);
      both(name, edge);
    } else {
      both(`client ${n}`, edge);
      if (!choose.chance(0.3)) {
        settled.add(n);
        continue;
      }
      const to = { ...clientAddress(n), host: `10.1.${n}.2` };
      moves.push({ client: n, at: choose.time(STABLE, STABLE + 6_000) as number as Instant, to });
    }
  }
  return { graph: (hosts) => ({ nodes: [...nodes, ...hosts], links: wires }), clients, settled, moves, migrations };
}
