/** A UDP datagram on the simulated network, and the records that observers receive. */

import type { Ecn, SocketAddress } from "../base/datagrams.ts";
import type { LineDropReason } from "../base/impairment/index.ts";
import type { Instant } from "../base/time.ts";

/** A host that may receive multicast datagrams. */
export interface Receiver {
  readonly address: SocketAddress;
  isMember(group: SocketAddress): boolean;
}

export interface SimulatedDatagram {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
  readonly ecn: Ecn;
  /** The IPv4 flag (RFC 791); IPv6 packets are never fragmented in transit. */
  readonly dontFragment: boolean;
  /** The UDP payload. Never modified once sent. */
  readonly bytes: Uint8Array;
  /** Only of a multicast datagram: the hosts that this copy must still reach. Set by the network. */
  readonly receivers?: readonly Receiver[];
}

/** Along a link: from its first node to its second, or back. In an array, left to right is forward. */
export type Direction = "forward" | "backward";

/** Why a datagram was dropped; "filtered" by a NAT without a matching mapping. */
export type DropReason = LineDropReason | "no-route" | "filtered";

/** An event in the life of a datagram. */
export interface CaptureRecord {
  readonly time: Instant;
  /** By a host, by a link at its end, by another node as it leaves it, by a host, by a link or node. */
  readonly what: "sent" | "carried" | "forwarded" | "delivered" | "dropped";
  readonly datagram: SimulatedDatagram;
  readonly direction: Direction;
  /** The name of the host, node or link. */
  readonly place: string;
  /** Present only with "dropped". */
  readonly reason?: DropReason;
}

/** Bytes of IP and UDP headers. */
export const headerLength = (address: SocketAddress): number => (address.family === 4 ? 28 : 48);

/** RFC 5771, RFC 4291 §2.7. */
export function isMulticast({ family, host }: SocketAddress): boolean {
  if (family === 6) return /^ff/i.test(host);
  const first = Number.parseInt(host, 10);
  return first >= 224 && first <= 239;
}
