/**
 * Which process a datagram is for, if it belongs to no connection of the process that received it. Three causes bring a
 * datagram to the wrong process: the kernel does not steer by connection id, the sockets of a group were renumbered, or its
 * connection belongs to the previous generation, whose sockets the newest one reads.
 *
 * - A connection id of ours names its process.
 * - An id that a client chose (Initial, 0-RTT) belongs to the process that accepted the connection. That is the one that the
 *   kernel always chooses for it, except after a reload: then it is offered to the previous generation, which returns it if
 *   it does not know the connection. Only the newest generation accepts connections.
 */

import type { RoutedIdKeys } from "../../quic/index.ts";
import { GENERATIONS, NODE, type Place, samePlace } from "./place.ts";

/**
 * Why a process passes a datagram on: the receiver owns its id; the receiver may know the id, and returns it otherwise; the
 * sender does not know it, and the receiver decides.
 */
export const Reason = { owned: 0, offered: 1, returned: 2 } as const;
export type Reason = (typeof Reason)[keyof typeof Reason];

/** The processes of a server, as one of them sees them. */
export interface Neighbourhood {
  readonly self: Place;
  /** All running processes. */
  readonly places: readonly Place[];
  readonly newest: number;
  /** True while the previous generation may have unfinished handshakes. */
  readonly offersToPrevious: boolean;
}

export interface Decision {
  readonly to: Place;
  readonly reason: Reason;
}

const HEADER_FORM = 0x80;
const ID_LENGTH = 10;

/**
 * `id` is the destination connection id, in `bytes[start, end)` of a datagram that begins with `first`. `arrived` is the
 * reason for which another process passed it on; undefined if the network brought it. Returns undefined to keep it.
 */
export function steer(
  { self, places, newest, offersToPrevious }: Neighbourhood,
  keys: RoutedIdKeys,
  datagram: { readonly bytes: Uint8Array; readonly start: number; readonly end: number; readonly first: number },
  arrived: Reason | undefined,
): Decision | undefined {
  if (arrived === Reason.returned) return undefined;
  const { bytes, start, end, first } = datagram;
  const isLong = (first & HEADER_FORM) !== 0;
  if (arrived === undefined && end - start === ID_LENGTH) {
    const route = keys.decode(bytes, start);
    const owner = route?.node === NODE ? ownerOf(route, self, places) : undefined;
    if (owner !== undefined && !samePlace(owner, self)) return { to: owner, reason: Reason.owned };
  }
  // Its connection is gone, and a stateless reset says so: all processes derive the same token (RFC 9000 §10.3.2).
  if (!isLong) return undefined;
  if (self.generation !== newest) {
    const accepting = places.filter(({ generation }) => generation === newest);
    const to = accepting.find(({ worker }) => worker === self.worker) ?? accepting[0];
    return to && { to, reason: Reason.returned };
  }
  if (arrived !== undefined || !offersToPrevious) return undefined;
  const to = places.find(({ generation, worker }) => generation !== newest && worker === self.worker);
  return to && { to, reason: Reason.offered };
}

/** A process that runs, or one of the next generation: it may already serve when this process has not heard of it yet. */
function ownerOf(route: Place, self: Place, places: readonly Place[]): Place | undefined {
  const known = places.find((place) => samePlace(place, route));
  if (known !== undefined || route.generation !== (self.generation + 1) % GENERATIONS) return known;
  const { generation, worker } = route;
  return places.some((place) => place.worker === worker) ? { generation, worker } : undefined;
}
