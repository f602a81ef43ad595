/** One large download on one connection. */

import { compare } from "./against.ts";
import type { Bench } from "./bench.ts";
import { measurePairs, type PairSpec } from "./pairs.ts";
import { type RatioSpec, ratiosOf } from "./ratios.ts";
import { createScratch } from "./scratch.ts";
import { rounded } from "./statistics.ts";

const MB = 1_000_000;
const SIZE = 128 * MB;
const ROUNDS = 5;

const PAIRS: readonly Pick<PairSpec, "server" | "client">[] = [
  { server: "ours", client: "gtlsclient" },
  { server: "caddy", client: "gtlsclient" },
  { server: "ngtcp2", client: "gtlsclient" },
  { server: "ours", client: "ours" },
  { server: "caddy", client: "ours" },
  { server: "node:http2", client: "curl" },
];

const SERVER_RATIOS: readonly RatioSpec[] = [
  { name: "server CPU per MB, ours / Caddy", of: "ours → gtlsclient", to: "caddy → gtlsclient" },
  { name: "server CPU per MB, ours / ngtcp2", of: "ours → gtlsclient", to: "ngtcp2 → gtlsclient" },
  { name: "server CPU per MB, ours / node:http2", of: "ours → gtlsclient", to: "node:http2 → curl" },
];
const CLIENT_RATIOS: readonly RatioSpec[] = [
  { name: "client CPU per MB, ours / gtlsclient", of: "caddy → ours", to: "caddy → gtlsclient" },
];
const GOODPUT_RATIOS: readonly RatioSpec[] = [
  { name: "goodput, ours / Caddy, to gtlsclient", of: "ours → gtlsclient", to: "caddy → gtlsclient" },
];

export const h3Bulk: Bench = async ({ rounds = ROUNDS, against, log }) => {
  using scratch = createScratch(SIZE);
  const load = { path: scratch.site.bulk, requests: 1, concurrency: 1, bytes: SIZE };
  if (against !== undefined) return await compare(load, scratch, { before: against, rounds, log });
  const specs = PAIRS.map((pair): PairSpec => ({ ...pair, load }));
  const { costs, remarks } = await measurePairs(specs, scratch, { rounds, log });
  const perMB = (microseconds: number): number => Math.round(microseconds / (SIZE / MB));
  return {
    rows: costs.map(({ name, serverCpu, clientCpu, seconds, serverPeak, clientPeak }) => ({
      name,
      figures: {
        "server µs/MB": perMB(serverCpu),
        "client µs/MB": perMB(clientCpu),
        "MB/s": rounded(SIZE / MB / seconds),
        "server peak MB": Math.round(serverPeak / MB),
        "client peak MB": Math.round(clientPeak / MB),
      },
    })),
    ratios: {
      ...ratiosOf(SERVER_RATIOS, costs, ({ serverCpu }) => serverCpu),
      ...ratiosOf(CLIENT_RATIOS, costs, ({ clientCpu }) => clientCpu),
      ...ratiosOf(GOODPUT_RATIOS, costs, ({ seconds }) => 1 / seconds),
    },
    targets: [{ of: "server CPU per MB, ours / Caddy", atMost: 2.5 }],
    remarks,
  };
};
