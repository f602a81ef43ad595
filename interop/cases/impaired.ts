/** The public QUIC interop runner's cases that need a link: its files, links and conditions, over the UDP relay. */

import type { LineOptions } from "../../src/base/impairment/index.ts";
import { type Micros, millis, seconds } from "../../src/base/time.ts";
import type { Case } from "../case.ts";
import { type DownloadCase, downloadCase, type Link, type Seen } from "./download.ts";

/** The runner's point-to-point link: 10 Mbit/s, a one-way delay of 15 ms, a queue of 25 packets. */
const link = (options: LineOptions = {}, other: Partial<Link> = {}, delay: Micros = millis(15)): Link => {
  const line = { delay, rate: 10e6, queue: 25, ...options };
  return { up: line, down: line, ...other };
};

const impaired = (options: Omit<DownloadCase, "protocol">): Case => downloadCase({ protocol: "h3", ...options });

const lost = ({ relay: { up, down } }: Seen): string => {
  const sum = up.dropped.loss + down.dropped.loss;
  if (sum === 0) throw new Error("the link lost nothing");
  return `${sum} packets lost`;
};

const moved = ({ relay }: Seen): string => {
  if (relay.rebindings === 0) throw new Error("the client's address did not change");
  return `${relay.rebindings} rebindings`;
};

/** As many connections as in the runner. */
const CONNECTIONS = 50;

/** Two round trips of 1.5 s: the probe timeout fires before the server answers. */
const longRtt = impaired({
  name: "longrtt",
  shows: "a round trip of 1.5 s: the client repeats its ClientHello, and the handshake completes",
  paths: (site) => [site.kib[1]],
  link: link({}, {}, millis(750)),
  check: ({ wire }) => {
    if (wire.repeatedInitials === 0) throw new Error("the client did not repeat its ClientHello");
    return `${wire.repeatedInitials} Initial packets repeated before the answer`;
  },
});

const http3 = impaired({
  name: "http3",
  shows: "three files of 5 to 500 KiB at once",
  paths: (site) => [site.kib[5], site.kib[10], site.kib[500]],
  link: link(),
});

/** Nothing passes for two of every seven seconds. */
const blackhole = impaired({
  name: "blackhole",
  shows: "10 MiB, and nothing passes for 2 of every 7 seconds",
  paths: (site) => [site.kib[10_240]],
  link: link({ blackhole: { on: seconds(5), off: seconds(2) } }),
  check: ({ relay: { up, down } }) => {
    const sum = up.dropped.blackhole + down.dropped.blackhole;
    if (sum === 0) throw new Error("the black hole swallowed nothing");
    return `${sum} packets swallowed`;
  },
});

/** RFC 9000 §8.1: the chain is longer than the server may send, and the client's packets 2 to 7 are lost. */
const amplificationLimit = impaired({
  name: "amplificationlimit",
  shows:
    "a chain of 9 kB, and the client's packets 2 to 7 are lost: the server sends at most three times what it got (RFC 9000 §8.1); a peer may exceed it by less than one datagram per datagram, as in the public runner",
  paths: (site) => [site.kib[5]],
  longChain: true,
  isLossy: true,
  link: { ...link(), up: { ...link().up, dropList: [[2, 7]] } },
  check: ({ role, wire }) => {
    // The public runner allows a peer one datagram more: some send one if any of it fits.
    const allowed = role === "server" ? 3 : 4;
    if (wire.amplification > allowed)
      throw new Error(`the server sent ${wire.amplification.toFixed(2)} times what it got`);
    return `at most ${wire.amplification.toFixed(2)} times what it got`;
  },
});

const handshakeLoss = impaired({
  name: "handshakeloss",
  shows: "50 connections; 30 % of the packets are lost in each direction",
  paths: (site) => site.items.slice(0, CONNECTIONS),
  connects: "for each",
  isLossy: true,
  link: link({ loss: 0.3, maxLossBurst: 3 }),
  check: lost,
});

const transferLoss = impaired({
  name: "transferloss",
  shows: "2 MiB; 2 % of the packets are lost in each direction",
  paths: (site) => [site.kib[2_048]],
  link: link({ loss: 0.02, maxLossBurst: 3 }),
  check: lost,
});

const handshakeCorruption = impaired({
  name: "handshakecorruption",
  shows: "50 connections; 30 % of the packets are changed in each direction",
  paths: (site) => site.items.slice(0, CONNECTIONS),
  connects: "for each",
  isLossy: true,
  link: link({ corruption: 0.3, maxCorruptionBurst: 3 }),
});

const transferCorruption = impaired({
  name: "transfercorruption",
  shows: "2 MiB; 2 % of the packets are changed in each direction",
  paths: (site) => [site.kib[2_048]],
  link: link({ corruption: 0.02, maxCorruptionBurst: 3 }),
});

const REBINDING = { first: seconds(1), every: seconds(5) };

const rebindPort = impaired({
  name: "rebind-port",
  shows: "10 MiB; a NAT changes the client's port after 1 s and then every 5 s",
  paths: (site) => [site.kib[10_240]],
  link: link({}, { rebinding: REBINDING }),
  check: moved,
});

const rebindAddress = impaired({
  name: "rebind-addr",
  shows: "10 MiB; a NAT changes the client's address and port after 1 s and then every 5 s",
  paths: (site) => [site.kib[10_240]],
  link: link({}, { rebinding: { ...REBINDING, addresses: ["127.0.0.2", "127.0.0.3", "127.0.0.4"] } }),
  check: moved,
});

/** The runner's measurement: how much of 10 Mbit/s is content. */
const goodput = impaired({
  name: "goodput",
  shows: "10 MiB over the link: how much of 10 Mbit/s is content",
  paths: (site) => [site.kib[10_240]],
  link: link(),
  check: ({ wire, bytes }) => `${(wire.rateOf(bytes) / 1e6).toFixed(2)} Mbit/s`,
});

/** The runner's other measurement. Its other flow is one of TCP, which cannot pass the relay. */
const crossTraffic = impaired({
  name: "crosstraffic",
  shows: "10 MiB, while another connection downloads as much over the same link: the rate of the slower one",
  paths: (site) => [site.kib[10_240], site.kib[10_240]],
  connects: "for each",
  link: link(),
  check: ({ bytes, seconds }) => {
    const rates = seconds.map((each) => (bytes * 8) / seconds.length / each / 1e6).toSorted((a, b) => a - b);
    return `${rates.map((rate) => rate.toFixed(2)).join(" and ")} Mbit/s`;
  },
});

export const IMPAIRED_CASES: readonly Case[] = [
  longRtt,
  http3,
  blackhole,
  amplificationLimit,
  handshakeLoss,
  transferLoss,
  handshakeCorruption,
  transferCorruption,
  rebindPort,
  rebindAddress,
  goodput,
  crossTraffic,
];
