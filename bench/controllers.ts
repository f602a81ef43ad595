/** Downloads over bad links: our congestion controllers beside those of other stacks. */

import { millis } from "../src/base/time.ts";
import type { Bench } from "./bench.ts";
import { measurePairs, type PairSpec } from "./pairs.ts";
import { createScratch } from "./scratch.ts";
import { rounded } from "./statistics.ts";

const MB = 1_000_000;
const ROUNDS = 10;

/** 20 Mbit/s, a round trip of 50 ms; the queue holds what is sent in one round trip. */
const RATE = 20e6;
const LINK = { delay: millis(25), rate: RATE, queue: Math.round((RATE * 0.05) / 8 / 1228) };

const SCENARIOS = [
  {
    name: "1 % loss",
    bytes: 5 * MB,
    // Every hundredth packet of each direction, so that each run loses the same ones.
    link: { ...LINK, dropList: Array.from({ length: 1_000 }, (_, i) => 100 * (i + 1)) },
  },
  { name: "short queue", bytes: 16 * MB, link: LINK },
];

const SERVERS: readonly PairSpec["server"][] = ["ours", "ours, NewReno", "ours, BBR", "ngtcp2", "caddy"];

export const controllers: Bench = async ({ rounds = ROUNDS, only, log }) => {
  const rows: { name: string; figures: Record<string, number> }[] = [];
  const remarks: string[] = [];
  const seconds = new Map<string, number>();
  for (const { name, bytes, link } of SCENARIOS.filter((scenario) => scenario.name.includes(only ?? ""))) {
    using scratch = createScratch(bytes);
    const load = { path: scratch.site.bulk, requests: 1, concurrency: 1, bytes };
    const specs = SERVERS.map(
      (server): PairSpec => ({ server, client: "gtlsclient", load, link: { up: LINK, down: link } }),
    );
    const measured = await measurePairs(specs, scratch, { rounds, log });
    remarks.push(...measured.remarks);
    for (const cost of measured.costs) {
      seconds.set(`${cost.name}, ${name}`, cost.seconds);
      const mbits = (bytes * 8) / 1e6 / cost.seconds;
      rows.push({
        name: `${cost.name}, ${name}`,
        figures: { seconds: rounded(cost.seconds), "Mbit/s": rounded(mbits), "% of the rate": Math.round(mbits * 5) },
      });
    }
  }
  const of = (server: string, scenario: string): number =>
    seconds.get(`${server} → gtlsclient, ${scenario}`) ?? Number.NaN;
  const slowerPeer = Math.max(of("ngtcp2", "1 % loss"), of("caddy", "1 % loss"));
  const ideal = (16 * MB * 8) / RATE;
  const ratios = Object.fromEntries(
    Object.entries({
      "time with 1 % loss, ours / the slower of ngtcp2 and Caddy": of("ours", "1 % loss") / slowerPeer,
      "time with a short queue, ours / the link's rate": of("ours", "short queue") / ideal,
    }).filter(([, ratio]) => Number.isFinite(ratio)),
  );
  return {
    rows,
    ratios,
    targets: [
      { of: "time with 1 % loss, ours / the slower of ngtcp2 and Caddy", atMost: 1.1 },
      { of: "time with a short queue, ours / the link's rate", atMost: 1 / 0.9 },
    ],
    remarks,
  };
};
