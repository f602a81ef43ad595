/** Downloads over a link that loses packets: the server's CPU per MB, and the goodput, beside each peer in turn. */

import { millis } from "../src/base/time.ts";
import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { PairSpec } from "./pairs.ts";
import { createScratch } from "./scratch.ts";
import { rounded } from "./statistics.ts";

const MB = 1_000_000;
const SIZE = 32;
const ROUNDS = 5;
const CLIENT = "gtlsclient-new";

/** 100 Mbit/s, a round trip of 5 ms; the queue holds what is sent in four. Of each direction every thousandth packet is lost. */
const RATE = 100e6;
const LINK = {
  ...{ delay: millis(2.5), rate: RATE, mtu: 1_500, queue: Math.round((RATE * 0.02) / 8 / 1_500) },
  dropList: Array.from({ length: 500 }, (_, i) => 1_000 * (i + 1)),
};

function comparisons(path: string, bytes: number): readonly Comparison[] {
  const load = { path, requests: 1, concurrency: 1, bytes };
  const from = (server: PairSpec["server"]): PairSpec => ({
    ...{ server, client: CLIENT, load, link: { up: LINK, down: LINK } },
  });
  return (["quic-go", "quinn", "bun", "ngtcp2-new"] as const).flatMap((peer): Comparison[] => [
    { name: `lossy-vs-${peer}`, figure: "serverCpu", of: from("ours"), to: from(peer) },
    { name: `lossy-goodput-vs-${peer}`, figure: "goodput", of: from("ours"), to: from(peer) },
  ]);
}

export const lossy: Bench = async (options) => {
  const { rounds = ROUNDS, size = SIZE } = options;
  using scratch = createScratch(size * MB);
  return await compareAll(
    comparisons(scratch.site.bulk, size * MB),
    scratch,
    { ...options, rounds },
    ({ serverCpu, clientCpu, seconds }) => ({
      "server µs/MB": Math.round(serverCpu / size),
      "client µs/MB": Math.round(clientCpu / size),
      "Mbit/s": rounded((8 * size) / seconds),
    }),
  );
};
