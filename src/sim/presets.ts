/**
 * The links of the public QUIC interop runner's network simulator, by the names and options of its scenarios. Each is a
 * list of elements to put between a client (left) and a server (right):
 *
 *     network: [host(client), ...scenarios.blackhole({ on: seconds(5), off: seconds(2) }), host(server)]
 */

import type { ItemList } from "../base/impairment/index.ts";
import { type Micros, millis } from "../base/time.ts";
import { link, type NetworkElement, relay } from "./elements.ts";
import type { LinkOptions } from "./link.ts";
import { Nat } from "./nat.ts";

/** The point-to-point link of all scenarios. */
export interface ScenarioLink {
  /** One-way delay; 15 ms by default. */
  readonly delay?: Micros;
  /** Bits per second; 10 Mbit/s by default. */
  readonly rate?: number;
  /** Packets; 25 by default. */
  readonly queue?: number;
}

/** Values for both directions, or one each. */
type PerDirection = number | { readonly toServer?: number; readonly toClient?: number };

const perDirection = (value: PerDirection): { readonly toServer: number; readonly toClient: number } =>
  typeof value === "number" ? { toServer: value, toClient: value } : { toServer: 0, toClient: 0, ...value };

/** At most this many consecutive datagrams are lost or corrupted. */
const MAX_BURST = 3;

function path(
  { delay = millis(15), rate = 10e6, queue = 25 }: ScenarioLink = {},
  up: LinkOptions = {},
  down: LinkOptions = up,
): readonly NetworkElement[] {
  const common = { delay, rate, queue };
  return [link({ ...common, ...up }, { ...common, ...down })];
}

/** External addresses of the rebinding NAT. */
const OUTSIDE = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];

export const scenarios = {
  simpleP2p: (options?: ScenarioLink): readonly NetworkElement[] => path(options),

  /** Loses datagrams at random. */
  dropRate({ rate, burst = MAX_BURST, ...options }: Rated): readonly NetworkElement[] {
    const { toServer, toClient } = perDirection(rate);
    return path(options.link, { loss: toServer, maxLossBurst: burst }, { loss: toClient, maxLossBurst: burst });
  },

  /** Flips a bit of datagrams at random. */
  corruptRate({ rate, burst = MAX_BURST, ...options }: Rated): readonly NetworkElement[] {
    const { toServer, toClient } = perDirection(rate);
    return path(
      options.link,
      { corruption: toServer, maxCorruptionBurst: burst },
      { corruption: toClient, maxCorruptionBurst: burst },
    );
  },

  /** Loses the datagrams with these numbers. */
  dropList({ toServer = [], toClient = [], ...options }: Listed): readonly NetworkElement[] {
    return path(options.link, { dropList: toServer }, { dropList: toClient });
  },

  /** Passes everything for `on`, then nothing for `off`, repeatedly. */
  blackhole({ on, off, ...options }: Interrupted): readonly NetworkElement[] {
    return path(options.link, { blackhole: { on, off } });
  },

  /**
   * The client's port, or its address and port, changes. As in the runner, datagrams are translated as they leave the
   * link: those on the way to the server get the new port, and those on the way to the client are lost.
   */
  rebind({ first, every, address = false, ...options }: Rebound): readonly NetworkElement[] {
    const nat = new Nat({ addresses: OUTSIDE, filtering: "full-cone", rebinding: { first, every, address } });
    const inward = relay((datagram, direction, now) => {
      const translated = direction === "forward" ? datagram : nat.inward(datagram, now);
      return translated === undefined ? [] : [{ datagram: translated, direction }];
    }, "nat-inward");
    const outward = relay(
      (datagram, direction, now) => [
        { datagram: direction === "forward" ? nat.outward(datagram, now) : datagram, direction },
      ],
      "nat-outward",
    );
    return [inward, ...path(options.link), outward];
  },
} as const;

interface Scenario {
  readonly link?: ScenarioLink;
}

interface Rated extends Scenario {
  /** A probability. */
  readonly rate: PerDirection;
  /** The longest burst; 3 by default. */
  readonly burst?: number;
}

interface Listed extends Scenario {
  readonly toServer?: ItemList;
  readonly toClient?: ItemList;
}

interface Interrupted extends Scenario {
  readonly on: Micros;
  readonly off: Micros;
}

interface Rebound extends Scenario {
  readonly first: Micros;
  readonly every: Micros;
  readonly address?: boolean;
}
