/** One direction of a link for datagrams: a `Line` that knows IP's headers, fragments and ECN bits. */

import { Ecn } from "../base/datagrams.ts";
import { Line, type LineOptions, type LineOwner, type Medium } from "../base/impairment/index.ts";
import type { Rng } from "../base/rng.ts";
import { headerLength, type SimulatedDatagram } from "./datagram.ts";

/** Rates and the MTU include IP and UDP headers. Larger datagrams are fragmented if allowed, else dropped. */
export type LinkOptions = LineOptions;

const IPV4_HEADER = 20;

const DATAGRAMS: Medium<SimulatedDatagram> = {
  lengthOnWire({ bytes, destination, dontFragment }, mtu) {
    const size = bytes.length + headerLength(destination);
    if (size <= mtu) return size;
    if (dontFragment || destination.family === 6) return undefined;
    // RFC 791: each fragment except the last carries a multiple of 8 bytes.
    const payload = (mtu - IPV4_HEADER) & ~7;
    const fragments = Math.ceil((size - IPV4_HEADER) / payload);
    return size + (fragments - 1) * IPV4_HEADER;
  },
  mark(datagram) {
    switch (datagram.ecn) {
      case Ecn.notEct:
        return undefined;
      case Ecn.ce:
        return datagram;
      default:
        return { ...datagram, ecn: Ecn.ce };
    }
  },
  corrupted(datagram, corrupt) {
    const bytes = datagram.bytes.slice();
    corrupt(bytes);
    return { ...datagram, bytes };
  },
};

export class Link extends Line<SimulatedDatagram> {
  constructor(options: LinkOptions, rng: Rng, owner: LineOwner<SimulatedDatagram>) {
    super(options, rng, DATAGRAMS, owner);
  }
}
