/** A UDP datagram on the simulated network, and the records that observers receive. */

import type { Ecn, SocketAddress } from "../base/datagrams.ts";
import type { Instant } from "../base/time.ts";

export interface SimulatedDatagram {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly ecn: Ecn;
  /** The IPv4 flag (RFC 791); IPv6 packets are never fragmented in transit. */
  readonly dontFragment: boolean;
  /** The UDP payload. Never modified once sent. */
  readonly bytes: Uint8Array;
}

/** The direction in the array that describes the network: left to right is forward. */
export type Direction = "forward" | "backward";

export type DropReason = "loss" | "drop-list" | "blackhole" | "queue" | "mtu" | "no-route";

/** An event in the life of a datagram. */
export interface CaptureRecord {
  readonly time: Instant;
  readonly what: "sent" | "delivered" | "dropped";
  readonly datagram: SimulatedDatagram;
  readonly direction: Direction;
  /** Present only with "dropped". */
  readonly reason?: DropReason;
}

/** Bytes of IP and UDP headers. */
export const headerLength = (address: SocketAddress): number => (address.family === 4 ? 28 : 48);
