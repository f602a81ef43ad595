/** One large transfer on one connection: CPU per MB beside each peer in turn. */

import { compare } from "./against.ts";
import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import { type PairSpec, pairName } from "./pairs.ts";
import { placeOf } from "./place.ts";
import { createScratch } from "./scratch.ts";
import { rounded } from "./statistics.ts";

const MB = 1_000_000;
const SIZE = 256;
const ROUNDS = 5;

/** One client for all servers over HTTP/3, which itself costs little. */
const CLIENT = "gtlsclient-new";

function comparisons(path: string, bytes: number): readonly Comparison[] {
  const load = { path, requests: 1, concurrency: 1, bytes };
  const from = (server: PairSpec["server"]): PairSpec => ({ server, client: CLIENT, load });
  const ours = from("ours");
  const uploadTo = (server: PairSpec["server"]): PairSpec => ({
    ...{ server, client: CLIENT, content: "handler", label: "upload" },
    load: { path: "/upload", upload: path, requests: 1, concurrency: 1, bytes },
  });
  const stack: PairSpec = { server: "ours", client: "ours", load };
  const datapath: PairSpec = { server: "datapath", client: "datapath", load, datagramsOf: pairName(stack) };
  return [
    { name: "server-vs-bun", figure: "serverCpu", of: ours, to: from("bun"), atMost: 1 },
    { name: "server-vs-quic-go", figure: "serverCpu", of: ours, to: from("quic-go"), atMost: 0.6 },
    { name: "server-vs-caddy", figure: "serverCpu", of: ours, to: from("caddy-new") },
    { name: "server-vs-quinn", figure: "serverCpu", of: ours, to: from("quinn"), atMost: 1.1 },
    { name: "server-vs-s2n-quic", figure: "serverCpu", of: ours, to: from("s2n-quic") },
    { name: "server-vs-ngtcp2", figure: "serverCpu", of: ours, to: from("ngtcp2-new"), atMost: 1.3 },
    {
      name: "client-vs-ngtcp2",
      figure: "clientCpu",
      of: { server: "ngtcp2-new", client: "ours", load },
      to: from("ngtcp2-new"),
      atMost: 1.3,
    },
    {
      name: "upload-vs-quic-go",
      figure: "serverCpu",
      of: uploadTo("ours"),
      to: uploadTo("quic-go"),
      atMost: 0.7,
    },
    { name: "upload-vs-quinn", figure: "serverCpu", of: uploadTo("ours"), to: uploadTo("quinn") },
    { name: "portable-vs-caddy", figure: "serverCpu", of: from("ours, portable"), to: from("caddy-new"), atMost: 1.5 },
    {
      name: "server-vs-node-http2",
      figure: "serverCpu",
      of: ours,
      to: { server: "node:http2", client: "curl", load },
      atMost: 3,
    },
    { name: "goodput-vs-quic-go", figure: "goodput", of: ours, to: from("quic-go") },
    { name: "goodput-vs-quinn", figure: "goodput", of: ours, to: from("quinn") },
    { name: "goodput-vs-ngtcp2", figure: "goodput", of: ours, to: from("ngtcp2-new") },
    // Of both sides, since both are ours.
    { name: "stack-vs-datapath", figure: "bothCpu", of: stack, to: datapath, atMost: 1.6 },
    { name: "sender-vs-datapath", figure: "serverCpu", of: stack, to: datapath },
    { name: "receiver-vs-datapath", figure: "clientCpu", of: stack, to: datapath },
  ];
}

export const h3Bulk: Bench = async (options) => {
  const { rounds = ROUNDS, size = SIZE, against, log } = options;
  using scratch = createScratch(size * MB, placeOf(options));
  const path = scratch.site.bulk;
  if (against !== undefined) {
    const load = { path, requests: 1, concurrency: 1, bytes: size * MB };
    return await compare(load, scratch, { before: against, rounds, log });
  }
  const perMB = (microseconds: number): number => Math.round(microseconds / size);
  return await compareAll(
    comparisons(path, size * MB),
    scratch,
    { ...options, rounds },
    ({ serverCpu, clientCpu, seconds, serverPeak, clientPeak, datagramSize }) => ({
      "server µs/MB": perMB(serverCpu),
      "client µs/MB": perMB(clientCpu),
      "MB/s": rounded(size / seconds),
      "server peak MB": Math.round(serverPeak / MB),
      "client peak MB": Math.round(clientPeak / MB),
      ...(datagramSize === undefined ? {} : { "B/datagram": Math.round(datagramSize) }),
    }),
  );
};
