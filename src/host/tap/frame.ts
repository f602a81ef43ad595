/** Ethernet frames on a line: their lengths, and CE marks in the IP packets that they carry (RFC 3168 §5). */

import type { Medium } from "../../base/impairment/index.ts";

const ETHERNET_HEADER = 14;
const ETHERTYPE = 12;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const IPV4_CHECKSUM = ETHERNET_HEADER + 10;
const CE = 0x03;

/** The frame marked CE; undefined if it carries no ECN-capable packet. */
function marked(frame: Uint8Array): Uint8Array | undefined {
  if (frame.length < ETHERNET_HEADER + 20) return undefined;
  const type = (frame[ETHERTYPE]! << 8) | frame[ETHERTYPE + 1]!;
  if (type !== IPV4 && type !== IPV6) return undefined;
  // IPv4: the low bits of the second byte; IPv6: the traffic class lies across the first two (RFC 8200 §3).
  const shift = type === IPV4 ? 0 : 4;
  const at = ETHERNET_HEADER + 1;
  const ecn = (frame[at]! >> shift) & CE;
  if (ecn === 0) return undefined;
  if (ecn === CE) return frame;
  const copy = frame.slice();
  copy[at] = frame[at]! | (CE << shift);
  if (type === IPV4) {
    // RFC 1624: the sum of the header has grown by the difference, so the checksum shrinks.
    const view = new DataView(copy.buffer);
    const sum = (~view.getUint16(IPV4_CHECKSUM) & 0xffff) + (CE - ecn);
    view.setUint16(IPV4_CHECKSUM, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  }
  return copy;
}

/** The MTU is that of the network layer, as for interfaces. The kernel fragments before it sends. */
export const FRAMES: Medium<Uint8Array> = {
  lengthOnWire: (frame, mtu) => (frame.length - ETHERNET_HEADER <= mtu ? frame.length : undefined),
  mark: marked,
  corrupted(frame, corrupt) {
    const copy = frame.slice();
    corrupt(copy);
    return copy;
  },
};
