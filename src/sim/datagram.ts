/** A UDP datagram on the simulated network, and what is told of it to those who watch. */

import type { Ecn, SocketAddress } from "../base/datagrams.ts";
import type { Instant } from "../base/time.ts";

export interface SimulatedDatagram {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly ecn: Ecn;
  /** IPv4's flag (RFC 791); IPv6 packets are never fragmented on their way. */
  readonly dontFragment: boolean;
  /** The UDP payload. Never changed in place once sent. */
  readonly bytes: Uint8Array;
}

/** Left to right in the array that describes the network, or right to left. */
export type Direction = "forward" | "backward";

export type DropReason = "loss" | "drop-list" | "blackhole" | "queue" | "mtu" | "no-route";

/** Something happened to a datagram. */
export interface CaptureRecord {
  readonly time: Instant;
  readonly what: "sent" | "delivered" | "dropped";
  readonly datagram: SimulatedDatagram;
  readonly direction: Direction;
  /** Only with "dropped". */
  readonly reason?: DropReason;
}

/** Bytes of IP and UDP headers around the payload. */
export const headerLength = (address: SocketAddress): number => (address.family === 4 ? 28 : 48);
