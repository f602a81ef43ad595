/** A reverse proxy in front of one origin, for clients of HTTP/3 and HTTP/1.1: CPU per request, rate and latency. */

import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { ServerReady } from "./messages.ts";
import { OwnProcess } from "./own-process.ts";
import type { PairSpec } from "./pairs.ts";
import { placeOf } from "./place.ts";
import { createScratch } from "./scratch.ts";

const MB = 1_000_000;
const SIZE = 1_000;
const REQUESTS = 10_000;
const CONNECTIONS = 8;
const STREAMS = 8;
const ROUNDS = 5;

type Server = PairSpec["server"];

function comparisons(requests: number): readonly Comparison[] {
  const load = { path: `/memory/${SIZE}`, requests, connections: CONNECTIONS, bytes: SIZE * requests };
  const h3 = (server: Server): PairSpec => ({
    ...{ server, client: "quinn", content: "proxy", label: "h3" },
    load: { ...load, concurrency: STREAMS },
  });
  const h1 = (server: Server): PairSpec => ({
    ...{ server, client: "h2load-h1", content: "proxy", label: "h1" },
    load: { ...load, concurrency: CONNECTIONS * STREAMS },
  });
  const figure = "serverCpu";
  return [
    { name: "h3-vs-caddy", figure, of: h3("ours"), to: h3("caddy-new"), atMost: 1 },
    { name: "h1-vs-caddy", figure, of: h1("ours"), to: h1("caddy-new"), atMost: 1.5 },
    { name: "h3-vs-nginx", figure, of: h3("ours"), to: h3("nginx") },
    { name: "h1-vs-nginx", figure, of: h1("ours"), to: h1("nginx") },
  ];
}

export const proxy: Bench = async (options) => {
  const { rounds = ROUNDS, size: requests = REQUESTS } = options;
  using scratch = createScratch(SIZE, placeOf(options));
  await using origin = new OwnProcess("origin");
  const { port } = await origin.next<ServerReady>();
  return await compareAll(
    comparisons(requests),
    scratch,
    { ...options, rounds, origin: `http://127.0.0.1:${port}` },
    ({ serverCpu, seconds, serverPeak, p50, p99 }) => ({
      "proxy µs/request": Math.round((10 * serverCpu) / requests) / 10,
      "requests/s": Math.round(requests / seconds),
      "p50 ms": Math.round(p50 / 10) / 100,
      "p99 ms": Math.round(p99 / 10) / 100,
      "proxy peak MB": Math.round(serverPeak / MB),
    }),
  );
};
