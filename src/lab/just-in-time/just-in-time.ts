/** Telemetry with a deadline beside uploads: over UDP and TCP, over QUIC, and as just-in-time flows. */

import type { Experiment, Row } from "../experiment.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { figureOf } from "../rows.ts";
import { edge } from "./edge.ts";
import { overFlows } from "./over-flows.ts";
import { overQuic } from "./over-quic.ts";
import { overUdpAndTcp } from "./over-udp-and-tcp.ts";
import { overhead } from "./overhead.ts";
import { overload } from "./overload.ts";
import { BOTTLENECK, drive, QUEUE, UPLINK, VEHICLES } from "./road.ts";
import { DEADLINE, TELEMETRY } from "./telemetry.ts";

const ARMS = { "udp-tcp": overUdpAndTcp, quic: overQuic, flows: overFlows } as const;

/** Packets of each vehicle by their rate: 100,000 of both at the higher one. */
const PACKETS: Readonly<Record<number, number>> = { 100: 1_000, 1000: 50_000 };

const sharing = part({
  name: "sharing",
  title: "Telemetry beside uploads",
  setup:
    `${VEHICLES} vehicles, each with ${UPLINK / 1e6} Mbit/s, share ${BOTTLENECK / 1e6} Mbit/s with a queue of ${QUEUE} packets to one server (12 ms one way). Each sends telemetry, ` +
    `${TELEMETRY} bytes at a time, which is worth nothing after ${DEADLINE / 1_000} ms, and uploads as fast as it may. Both vehicles together. The upper end of the loss is that of Wilson's 95 % interval.`,
  parameters: {
    arm: {
      title: "over",
      labels: { "udp-tcp": "UDP and TCP", quic: "QUIC: datagrams and a stream", flows: "just-in-time flows" },
    },
    rate: { title: "telemetry", unit: "packets/s" },
  },
  figures: {
    packets: { title: "packets of telemetry" },
    lost: { title: "lost" },
    lossUpTo: { title: "loss, at most", unit: "%", digits: 4 },
    missed: { title: "lost or late" },
    median: { title: "median delay", unit: "ms", digits: 1 },
    p99: { title: "99 % delay", unit: "ms", digits: 1 },
    longest: { title: "longest delay", unit: "ms", digits: 1 },
    upload: { title: "uploads", unit: "Mbit/s", digits: 2 },
  },
  cells: product({ arm: ["udp-tcp", "quic", "flows"] as const, rate: [100, 1_000] as const }),
  isQuick: ({ arm, rate }) => arm === "flows" && rate === 100,
  repetitions: 1,
  measure: ({ arm, rate }, run) => drive(ARMS[arm], { rate, packets: PACKETS[rate]! }, run),
  plots: [
    {
      kind: "bars",
      title: "Telemetry lost or late, of 100,000 packets",
      category: "arm",
      value: "missed",
      where: { rate: 1_000 },
    },
  ],
});

const figure = (rows: readonly Row[], name: string, arm: string, rate: number): number | undefined =>
  figureOf(rows, "sharing", name, { arm, rate });

export const justInTime: Experiment = {
  name: "just-in-time",
  title: "Just-in-time flows",
  summary: "telemetry with deadlines beside uploads: UDP and TCP, QUIC, DFMP and DFCP",
  takes: "two minutes",
  parts: [sharing, overload, edge, overhead],
  claims: [
    {
      name: "urgent packets are not lost",
      source: "DFMP and DFCP paper (TRR 2021), experiment with two vehicles",
      theirs: "UDP beside TCP loses 8 of 8,491 packets, DFCP none",
      judge(rows) {
        const [flows, udp] = [figure(rows, "lost", "flows", 1_000), figure(rows, "lost", "udp-tcp", 1_000)];
        if (flows === undefined || udp === undefined) return undefined;
        return { ours: `UDP beside TCP loses ${udp} of 100,000, flows ${flows}`, met: flows === 0 && udp > 0 };
      },
    },
    {
      name: "deadlines are met",
      source: "the requirement “just in time”; the threshold is ours",
      theirs: "at most 0.01 % of the packets are late",
      judge(rows) {
        const missed = figure(rows, "missed", "flows", 1_000);
        if (missed === undefined) return undefined;
        return { ours: `${missed} of 100,000 lost or late`, met: missed <= 10 };
      },
    },
    {
      name: "uploads keep their share",
      source: "the threshold is ours",
      theirs: "at least 90 % of what TCP gets",
      judge(rows) {
        const [flows, tcp] = [figure(rows, "upload", "flows", 1_000), figure(rows, "upload", "udp-tcp", 1_000)];
        if (flows === undefined || tcp === undefined) return undefined;
        return { ours: `${((100 * flows) / tcp).toFixed(0)} %`, met: flows >= 0.9 * tcp };
      },
    },
    {
      name: "an overloaded receiver slows uploads, and nothing else",
      source: "the requirement of a shared computer; the load is ours",
      theirs:
        "with a tenth of the processor for 2 s, urgent flows keep their deadline, uploads are paused and resumed, and nothing is lost",
      judge(rows) {
        const at = (name: string): number | undefined => figureOf(rows, "overload", name, { order: "priority" });
        const [missed, pauses, resumes, damaged] = [at("missed"), at("pauses"), at("resumes"), at("damaged")];
        if (missed === undefined || pauses === undefined) return undefined;
        return {
          ours: `${missed} of ${at("packets")} lost or late, ${pauses} pauses, ${resumes} resumed, ${damaged} bytes lost or doubled`,
          met: missed === 0 && pauses > 0 && pauses === resumes && damaged === 0,
        };
      },
    },
    {
      name: "a relay may fail",
      source: "the requirement of a chain of nodes; the failure is ours",
      theirs: "no urgent packet is lost or late when the relay fails and is bypassed",
      judge(rows) {
        const missed = figureOf(rows, "edge", "missed", { way: "fails" });
        if (missed === undefined) return undefined;
        const longest = figureOf(rows, "edge", "longest", { way: "fails" });
        return { ours: `${missed} lost or late, the slowest took ${longest} ms`, met: missed === 0 };
      },
    },
  ],
};
