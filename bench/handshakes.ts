/** Connections with one small request each: CPU per connection beside each peer in turn. */

import type { Bench } from "./bench.ts";
import { type Comparison, compareAll } from "./comparisons.ts";
import type { HandshakeMode } from "./load-program.ts";
import type { PairSpec } from "./pairs.ts";
import { placeOf } from "./place.ts";
import { createScratch } from "./scratch.ts";

const MB = 1_000_000;
const BODY = 10;
const HANDSHAKES = 1_000;
/** Connections at once. */
const CONCURRENCY = 8;
const ROUNDS = 5;

function comparisons(count: number): readonly Comparison[] {
  const pair = (server: PairSpec["server"], handshake: HandshakeMode, label: string): PairSpec => ({
    ...{ server, client: "quinn", content: "handler", label },
    load: { path: `/memory/${BODY}`, requests: count, concurrency: CONCURRENCY, bytes: BODY * count, handshake },
  });
  const of = (label: string, handshake: HandshakeMode, peer: PairSpec["server"], atMost?: number): Comparison => ({
    name: `${label}-vs-${peer}`,
    figure: "serverCpu",
    of: pair("ours", handshake, label),
    to: pair(peer, handshake, label),
    ...(atMost === undefined ? {} : { atMost }),
  });
  return [
    of("full", "full", "quic-go", 0.8),
    of("full", "full", "bun", 1.3),
    of("full", "full", "quinn"),
    of("resumed", "session", "quic-go"),
    of("resumed", "session", "bun"),
    of("resumed", "session", "quinn"),
    of("0rtt", "early", "quic-go"),
    of("0rtt", "early", "quinn"),
  ];
}

export const handshakes: Bench = async (options) => {
  const { rounds = ROUNDS, size: count = HANDSHAKES } = options;
  using scratch = createScratch(BODY, placeOf(options));
  const each = (microseconds: number): number => Math.round(microseconds / count);
  return await compareAll(
    comparisons(count),
    scratch,
    { ...options, rounds },
    ({ serverCpu, clientCpu, seconds, serverPeak }) => ({
      "server µs/connection": each(serverCpu),
      "client µs/connection": each(clientCpu),
      "connections/s": Math.round(count / seconds),
      "server peak MB": Math.round(serverPeak / MB),
    }),
  );
};
