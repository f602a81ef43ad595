/** Many small responses on a few connections: CPU per request beside each peer in turn. */

import { compare } from "./against.ts";
import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { PairSpec } from "./pairs.ts";
import { placeOf } from "./place.ts";
import { createScratch } from "./scratch.ts";

const MB = 1_000_000;
/** The size of site.small. */
const SIZE = 1_000;
const REQUESTS = 20_000;
const CONNECTIONS = 8;
/** Requests at once on each connection. */
const STREAMS = 8;
const ROUNDS = 5;

type Server = PairSpec["server"];

function comparisons(file: string, requests: number): readonly Comparison[] {
  const load = (path: string) => ({
    ...{ path, requests, connections: CONNECTIONS, concurrency: STREAMS, bytes: SIZE * requests },
  });
  const fromFile = (server: Server): PairSpec => ({ server, client: "quinn", label: "file", load: load(file) });
  const fromMemory = (server: Server): PairSpec => ({
    ...{ server, client: "quinn", content: "handler", label: "memory" },
    load: load(`/memory/${SIZE}`),
  });
  const figure = "serverCpu";
  return [
    { name: "file-vs-quic-go", figure, of: fromFile("ours"), to: fromFile("quic-go"), atMost: 0.4 },
    { name: "file-vs-bun", figure, of: fromFile("ours"), to: fromFile("bun") },
    { name: "file-vs-quinn", figure, of: fromFile("ours"), to: fromFile("quinn") },
    { name: "file-vs-ngtcp2", figure, of: fromFile("ours"), to: fromFile("ngtcp2-new") },
    { name: "memory-vs-bun", figure, of: fromMemory("ours"), to: fromMemory("bun"), atMost: 1.5 },
    { name: "memory-vs-quinn", figure, of: fromMemory("ours"), to: fromMemory("quinn"), atMost: 0.9 },
    { name: "memory-vs-quic-go", figure, of: fromMemory("ours"), to: fromMemory("quic-go") },
  ];
}

export const h3Requests: Bench = async (options) => {
  const { rounds = ROUNDS, size: requests = REQUESTS, against, log } = options;
  using scratch = createScratch(SIZE, placeOf(options));
  const { small } = scratch.site;
  if (against !== undefined) {
    const load = { path: small, requests, concurrency: STREAMS, bytes: SIZE * requests };
    return await compare(load, scratch, { before: against, rounds, log });
  }
  const perRequest = (microseconds: number): number => Math.round((10 * microseconds) / requests) / 10;
  return await compareAll(
    comparisons(small, requests),
    scratch,
    { ...options, rounds },
    ({ serverCpu, clientCpu, seconds, serverPeak, clientPeak }) => ({
      "server µs/request": perRequest(serverCpu),
      "client µs/request": perRequest(clientCpu),
      "requests/s": Math.round(requests / seconds),
      "server peak MB": Math.round(serverPeak / MB),
      "client peak MB": Math.round(clientPeak / MB),
    }),
  );
};
