/** A client, a name server and servers around one router. */

import { type Instant, type Micros, millis, seconds, since, toMillis } from "../../base/time.ts";
import { host, router, SimulatedNetwork, wire } from "../../sim/index.ts";
import type { Run } from "../experiment.ts";
import { Browser, type BrowserOptions, DNS_ADDRESS, NAME_SERVER, QUIC_ADDRESS, TCP_ADDRESS } from "./browser.ts";
import { NameServer } from "./name-server.ts";
import { Site, type SiteOptions } from "./site.ts";
import { TCP_PORT } from "./tcp-model.ts";

/** Milliseconds to the name server and back. */
export const DNS_RTT = 10;
export const ORIGIN = "example.";

export interface PlacedSite extends SiteOptions {
  /** Of IPv4. */
  readonly address: string;
  /** Of QUIC. */
  readonly port?: number;
  /** Milliseconds. */
  readonly rtt: number;
}

export interface WebOptions extends Run {
  readonly browser: Omit<BrowserOptions, keyof Run>;
  /** Records of the zone `example.`, without its SOA. */
  readonly zone: string;
  /** Added to the answers about these types. */
  readonly late?: Readonly<Record<string, Micros>>;
  readonly sites: readonly PlacedSite[];
}

export interface Web {
  readonly browser: Browser;
  readonly names: NameServer;
  readonly sites: readonly Site[];
}

const HTTPS_PORT = 443;
const START = 0 as Instant;
const MAX_TIME = seconds(30);

/** Runs until `isOver`. `start` is called once, at the beginning. */
export function browse(options: WebOptions, start: (web: Web, now: Instant) => void, isOver: () => boolean): Web {
  const { seed, engine, sites } = options;
  const run = { seed, engine };
  const names = new NameServer(`$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n${options.zone}`, ORIGIN, options.late ?? {});
  const browser = new Browser({ ...options.browser, ...run });
  const machines = sites.map((each, i) => new Site(each, { ...run, seed: seed + 1 + i }));
  const web = { browser, names, sites: machines };
  let isStarted = false;
  const network = new SimulatedNetwork({
    seed,
    network: {
      nodes: [
        router("internet"),
        host({
          name: "client",
          address: QUIC_ADDRESS,
          otherAddresses: [{ address: TCP_ADDRESS }, { address: DNS_ADDRESS }],
          machine: browser,
          application: (now) => {
            if (isStarted) return;
            isStarted = true;
            start(web, now);
          },
        }),
        host({ name: "names", address: NAME_SERVER, machine: names }),
        ...sites.map(({ address, port = HTTPS_PORT }, i) =>
          host({
            name: `site${i}`,
            address: { family: 4, host: address, port },
            otherAddresses: [{ address: { family: 4, host: address, port: TCP_PORT } }],
            machine: machines[i]!,
          }),
        ),
      ],
      links: [
        wire("client", "internet", {}),
        wire("names", "internet", { delay: millis(DNS_RTT / 2) }),
        ...sites.map(({ rtt }, i) => wire(`site${i}`, "internet", { delay: millis(rtt / 2) })),
      ],
    },
  });
  network.run({ until: isOver, maxVirtualTime: MAX_TIME });
  return web;
}

/** Milliseconds since the beginning; null if it did not happen. */
export const millisAt = (at: Instant | undefined): number | null =>
  at === undefined ? null : toMillis(since(START, at));
