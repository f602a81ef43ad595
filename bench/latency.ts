/** One small request at a time to a server that is otherwise idle, beside each peer in turn. */

import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { PairSpec } from "./pairs.ts";
import { createScratch } from "./scratch.ts";

const SIZE = 1_000;
const REQUESTS = 300;
/** Milliseconds before each request, in which everything falls asleep. */
const PAUSE = 10;
const ROUNDS = 5;

function comparisons(path: string, requests: number): readonly Comparison[] {
  const load = { path, requests, connections: 1, concurrency: 1, bytes: SIZE * requests, pause: PAUSE };
  const pair = (server: PairSpec["server"]): PairSpec => ({ server, client: "quinn", load });
  return (["nginx", "quic-go", "bun", "quinn"] as const).flatMap((peer): Comparison[] => [
    { name: `p50-vs-${peer}`, figure: "p50", of: pair("ours"), to: pair(peer) },
    { name: `p99-vs-${peer}`, figure: "p99", of: pair("ours"), to: pair(peer) },
  ]);
}

export const latency: Bench = async (options) => {
  const { rounds = ROUNDS, size: requests = REQUESTS } = options;
  using scratch = createScratch(SIZE);
  return await compareAll(
    comparisons(scratch.site.small, requests),
    scratch,
    { ...options, rounds },
    ({ p50, p99 }) => ({ "p50 µs": Math.round(p50), "p99 µs": Math.round(p99) }),
  );
};
