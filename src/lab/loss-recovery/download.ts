/** A download over one simulated link, and what an observer of it counts. */

import type { SocketAddress } from "../../base/datagrams.ts";
import type { Instant, Micros } from "../../base/time.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import { type LinkOptions, link, type NodeElement, SimulatedNetwork } from "../../sim/index.ts";
import type { Run } from "../experiment.ts";

export const CLIENT: SocketAddress = { family: 4, host: "10.0.0.1", port: 50_000 };
export const SERVER: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };
/** No path MTU discovery, because the laws of congestion control depend on the size of packets. */
export const DATAGRAM_SIZE = 1_200;
/** Bytes of a datagram on the link, with IP and UDP headers. */
export const ON_WIRE = DATAGRAM_SIZE + 28;
const MAX_EVENTS = 20_000_000;

/** Ours are the controllers by their names, under RFC 9002. The others are the rules of classic-tcp.ts. */
export const RECOVERIES = ["newreno", "cubic", "bbr", "classic", "classic-200ms"] as const;
export type Recovery = (typeof RECOVERIES)[number];

export const isClassic = (recovery: Recovery): recovery is Exclude<Recovery, CongestionControl> =>
  recovery.startsWith("classic");

export interface DownloadOptions extends Run {
  /** Bytes; Infinity for a download without end. */
  readonly bytes: number;
  /** From server to client. The other direction has the same delay and rate, and loses nothing. */
  readonly link: LinkOptions & { readonly delay: Micros };
  /** The latest virtual time. */
  readonly until: Micros;
  /** The time from which `receivedAfter` counts. */
  readonly countAfter?: Micros;
}

/** All packets are the server's. */
export interface DownloadFigures {
  /** The time of the request, after a handshake if there is one. */
  requestedAt: Instant;
  /** The time at which the client had everything; undefined if it did not get there. */
  finishedAt: Instant | undefined;
  /** Bytes of content that arrived, each counted once: over QUIC in order, with classic TCP in any order. */
  received: number;
  receivedAfter: number;
  packetsSent: number;
  /** Packets with content that was sent before. */
  retransmissions: number;
  /** Packets declared lost that arrived after all. */
  spuriousLosses: number;
  /** Probe timeouts, or retransmission timeouts. */
  timeouts: number;
  /** Packets that the link's queue had no room for. */
  overflows: number;
  /** The number of the datagram that completed the download, in order of arrival, from 1. */
  lastDatagram: number;
  /** The longest time that a datagram took from the server to the client. */
  maxTransit: Micros;
  /** The congestion window in bytes when slow start ended; undefined if it did not. */
  slowStartExit: number | undefined;
  /** Packets that the queue had dropped by then, or by the end. */
  overflowsInSlowStart: number;
  /** The probe timeout at the last acknowledgement, without backoff. */
  probeTimeout: Micros;
}

export const emptyFigures = (): DownloadFigures => ({
  requestedAt: 0 as Instant,
  finishedAt: undefined,
  received: 0,
  receivedAfter: 0,
  packetsSent: 0,
  retransmissions: 0,
  spuriousLosses: 0,
  timeouts: 0,
  overflows: 0,
  lastDatagram: 0,
  maxTransit: 0 as Micros,
  slowStartExit: undefined,
  overflowsInSlowStart: 0,
  probeTimeout: 0 as Micros,
});

/** Runs a network with this client and this server until the download has finished, or for the whole time. */
export function observe(
  options: DownloadOptions,
  figures: DownloadFigures,
  client: NodeElement,
  server: NodeElement,
): DownloadFigures {
  const { seed, until, link: down } = options;
  const sentAt = new Map<Uint8Array, Instant>();
  let delivered = 0;
  const network = new SimulatedNetwork({
    seed,
    network: [client, link({ delay: down.delay, ...(down.rate && { rate: down.rate }) }, down), server],
    capture: ({ what, direction, datagram, reason, time }) => {
      if (direction !== "backward") return;
      const { bytes } = datagram;
      if (what === "sent") sentAt.set(bytes, time);
      else if (what === "dropped") {
        sentAt.delete(bytes);
        if (reason === "queue") figures.overflows += 1;
      } else if (what === "delivered") {
        delivered += 1;
        if (figures.finishedAt === undefined) figures.lastDatagram = delivered;
        figures.maxTransit = Math.max(figures.maxTransit, time - sentAt.get(bytes)!) as Micros;
        sentAt.delete(bytes);
      }
    },
  });
  const isEndless = options.bytes === Number.POSITIVE_INFINITY;
  network.run({
    ...(!isEndless && { until: () => figures.finishedAt !== undefined }),
    maxVirtualTime: until,
    maxEvents: MAX_EVENTS,
  });
  return figures;
}
