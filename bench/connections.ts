/** Small responses on many connections: CPU per request beside fewer connections, of our server and of peers. */

import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { PairSpec } from "./pairs.ts";
import { placeOf } from "./place.ts";
import { createScratch } from "./scratch.ts";

const MB = 1_000_000;
const SIZE = 1_000;
const REQUESTS = 20_000;
const FEW = 100;
const MANY = 1_000;
const ROUNDS = 5;

function comparisons(requests: number): readonly Comparison[] {
  const pair = (server: PairSpec["server"], connections: number): PairSpec => ({
    ...{ server, client: "quinn", content: "handler", label: `${connections} connections`, isAlone: true },
    load: { path: `/memory/${SIZE}`, requests, connections, concurrency: 1, bytes: SIZE * requests },
  });
  const growth = (name: string, server: PairSpec["server"], atMost?: number): Comparison => ({
    ...{ name, figure: "serverCpu", of: pair(server, MANY), to: pair(server, FEW) },
    ...(atMost === undefined ? {} : { atMost }),
  });
  return [
    growth("ours-1000-vs-100", "ours", 1.25),
    growth("quic-go-1000-vs-100", "quic-go"),
    growth("bun-1000-vs-100", "bun"),
    growth("quinn-1000-vs-100", "quinn"),
  ];
}

export const connections: Bench = async (options) => {
  const { rounds = ROUNDS, size: requests = REQUESTS } = options;
  using scratch = createScratch(SIZE, placeOf(options));
  const perRequest = (microseconds: number): number => Math.round((10 * microseconds) / requests) / 10;
  return await compareAll(
    comparisons(requests),
    scratch,
    { ...options, rounds },
    ({ serverCpu, clientCpu, seconds, serverPeak }) => ({
      "server µs/request": perRequest(serverCpu),
      "client µs/request": perRequest(clientCpu),
      "requests/s": Math.round(requests / seconds),
      "server peak MB": Math.round(serverPeak / MB),
    }),
  );
};
