/** Many small responses on one connection. */

import { compare } from "./against.ts";
import type { Bench } from "./bench.ts";
import { measurePairs, type PairSpec } from "./pairs.ts";
import { type RatioSpec, ratiosOf } from "./ratios.ts";
import { createScratch } from "./scratch.ts";

const MB = 1_000_000;
/** The size of site.small. */
const SIZE = 1_000;
const REQUESTS = 10_000;
const CONCURRENCY = 32;
const ROUNDS = 5;

// gtlsclient has no concurrency limit: it sends as many requests at once as the server allows.
const PAIRS: readonly Pick<PairSpec, "server" | "client">[] = [
  { server: "ours", client: "gtlsclient" },
  { server: "caddy", client: "gtlsclient" },
  { server: "ngtcp2", client: "gtlsclient" },
  { server: "ours", client: "ours" },
  { server: "caddy", client: "ours" },
  { server: "node:http2", client: "h2load" },
];

const SERVER_RATIOS: readonly RatioSpec[] = [
  { name: "server CPU per request, ours / Caddy", of: "ours → gtlsclient", to: "caddy → gtlsclient" },
  { name: "server CPU per request, ours / Caddy, our client", of: "ours → ours", to: "caddy → ours" },
  { name: "server CPU per request, ours / ngtcp2", of: "ours → gtlsclient", to: "ngtcp2 → gtlsclient" },
  { name: "server CPU per request, ours / node:http2", of: "ours → gtlsclient", to: "node:http2 → h2load" },
];
const CLIENT_RATIOS: readonly RatioSpec[] = [
  { name: "client CPU per request, ours / gtlsclient", of: "caddy → ours", to: "caddy → gtlsclient" },
];

export const h3Requests: Bench = async ({ rounds = ROUNDS, against, log }) => {
  using scratch = createScratch(SIZE);
  const load = { path: scratch.site.small, requests: REQUESTS, concurrency: CONCURRENCY, bytes: SIZE * REQUESTS };
  if (against !== undefined) return await compare(load, scratch, { before: against, rounds, log });
  const specs = PAIRS.map((pair): PairSpec => ({ ...pair, load }));
  const { costs, remarks } = await measurePairs(specs, scratch, { rounds, log });
  const perRequest = (microseconds: number): number => Math.round(microseconds / (REQUESTS / 10)) / 10;
  return {
    rows: costs.map(({ name, serverCpu, clientCpu, seconds, serverPeak, clientPeak }) => ({
      name,
      figures: {
        "server µs/request": perRequest(serverCpu),
        "client µs/request": perRequest(clientCpu),
        "requests/s": Math.round(REQUESTS / seconds),
        "server peak MB": Math.round(serverPeak / MB),
        "client peak MB": Math.round(clientPeak / MB),
      },
    })),
    ratios: {
      ...ratiosOf(SERVER_RATIOS, costs, ({ serverCpu }) => serverCpu),
      ...ratiosOf(CLIENT_RATIOS, costs, ({ clientCpu }) => clientCpu),
    },
    targets: [{ of: "server CPU per request, ours / Caddy", atMost: 1 }],
    remarks,
  };
};
