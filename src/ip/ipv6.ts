/** IPv6 headers and extension headers (RFC 8200): a checked parse that stops at the transport or at a fragment. */

import { emitMcpHintIpv6, MCPHINT_IPV6_LENGTH, type McpHintLayout } from "./mcphint.ts";
import { type Fragment, type IpDropReason, type IpPacket, Protocol } from "./packet.ts";

export const IPV6_HEADER = 40;
export const IPV6_FRAGMENT_HEADER = 8;

/** RFC 8504 §5.3 allows limits. */
const MAX_EXTENSION_HEADERS = 8;
const MAX_OPTIONS = 8;
const PAD_1 = 0;

/** A header that this host must not skip; some are answered with an ICMPv6 Parameter Problem (RFC 4443 §3.4). */
export interface Ipv6Problem {
  readonly drop: IpDropReason;
  /** Undefined if the packet is dropped silently. */
  readonly problem?: {
    readonly code: 0 | 1 | 2;
    /** Bytes from the start of the IP header. */
    readonly pointer: number;
    /** Also for packets to a group (RFC 8200 §4.2, option type bits 10). */
    readonly evenForMulticast: boolean;
  };
}

interface Walk {
  protocol: number;
  at: number;
  hint: number | undefined;
  fragment: Fragment | undefined;
}

/** Parses the packet in `bytes[start, end)`. */
export function parseIpv6(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: McpHintLayout,
): IpPacket | Ipv6Problem {
  if (end - start < IPV6_HEADER) return { drop: "truncated" };
  if (bytes[start]! >>> 4 !== 6) return { drop: "version" };
  const length = (bytes[start + 4]! << 8) | bytes[start + 5]!;
  const packetEnd = start + IPV6_HEADER + length;
  if (packetEnd > end) return { drop: "total-length" };
  const walk: Walk = { protocol: bytes[start + 6]!, at: start + IPV6_HEADER, hint: undefined, fragment: undefined };
  const problem = walkExtensions(bytes, start, packetEnd, walk, layout);
  if (problem !== undefined) return problem;
  return {
    version: 6,
    source: bytes.slice(start + 8, start + 24),
    destination: bytes.slice(start + 24, start + 40),
    protocol: walk.protocol,
    hopLimit: bytes[start + 7]!,
    trafficClass: ((bytes[start]! << 4) | (bytes[start + 1]! >>> 4)) & 0xff,
    bytes,
    headerStart: start,
    start: walk.at,
    end: packetEnd,
    hint: walk.hint,
    fragment: walk.fragment,
    isVerified: false,
  };
}

/** Goes on after reassembly, at the headers that the fragments carried. */
export function parseReassembledIpv6(packet: IpPacket, layout: McpHintLayout): IpPacket | Ipv6Problem {
  const walk: Walk = { protocol: packet.protocol, at: packet.start, hint: packet.hint, fragment: undefined };
  const problem = walkExtensions(packet.bytes, packet.headerStart, packet.end, walk, layout);
  if (problem !== undefined) return problem;
  // RFC 8200 §4.5: a fragment header within a reassembled packet is an attack.
  if (walk.fragment !== undefined) return { drop: "fragment" };
  return { ...packet, protocol: walk.protocol, start: walk.at, hint: walk.hint };
}

function walkExtensions(
  bytes: Uint8Array,
  start: number,
  end: number,
  walk: Walk,
  layout: McpHintLayout,
): Ipv6Problem | undefined {
  for (let count = 0; isExtension(walk.protocol); count += 1) {
    if (count === MAX_EXTENSION_HEADERS) return { drop: "extension-header" };
    if (end - walk.at < 8) return { drop: "truncated" };
    // RFC 8200 §4.3: only directly after the IPv6 header.
    if (walk.protocol === Protocol.hopByHop && walk.at !== start + IPV6_HEADER) {
      return { drop: "extension-header", problem: { code: 1, pointer: walk.at - start, evenForMulticast: false } };
    }
    const next = bytes[walk.at]!;
    if (walk.protocol === Protocol.fragment) {
      const field = (bytes[walk.at + 2]! << 8) | bytes[walk.at + 3]!;
      const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(walk.at + 4);
      const fragment = { id, offset: field & 0xfff8, isLast: (field & 1) === 0 };
      walk.protocol = next;
      walk.at += IPV6_FRAGMENT_HEADER;
      // RFC 6946: an atomic fragment is a whole packet.
      if (fragment.offset === 0 && fragment.isLast) continue;
      walk.fragment = fragment;
      return undefined;
    }
    const length = (bytes[walk.at + 1]! + 1) * 8;
    if (length > end - walk.at) return { drop: "truncated" };
    if (walk.protocol === Protocol.routing) {
      // RFC 8200 §4.4: without segments left it is skipped; otherwise the type is unknown here (type 0: RFC 5095).
      if (bytes[walk.at + 3] !== 0) {
        const pointer = walk.at + 2 - start;
        return { drop: "extension-header", problem: { code: 0, pointer, evenForMulticast: false } };
      }
    } else {
      const problem = readOptions(bytes, start, walk.at + 2, walk.at + length, walk, layout);
      if (problem !== undefined) return problem;
    }
    walk.protocol = next;
    walk.at += length;
  }
  return undefined;
}

const isExtension = (protocol: number): boolean =>
  protocol === Protocol.hopByHop ||
  protocol === Protocol.routing ||
  protocol === Protocol.fragment ||
  protocol === Protocol.destinationOptions;

/** RFC 8200 §4.2: the two high bits of an unknown option's type say what to do. */
function readOptions(
  bytes: Uint8Array,
  start: number,
  from: number,
  end: number,
  walk: Walk,
  layout: McpHintLayout,
): Ipv6Problem | undefined {
  let seen = 0;
  for (let at = from; at < end; ) {
    const type = bytes[at]!;
    if (type === PAD_1) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : end;
    if (at + 2 + length > end) return { drop: "options" };
    seen += 1;
    if (seen > MAX_OPTIONS) return { drop: "options" };
    if (type === layout.ipv6Type) {
      if (walk.protocol === Protocol.hopByHop && length === 2 && walk.hint === undefined) {
        walk.hint = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      }
    } else if (type > 1 && type >>> 6 !== 0) {
      const pointer = at - start;
      if (type >>> 6 === 1) return { drop: "options" };
      return { drop: "options", problem: { code: 2, pointer, evenForMulticast: type >>> 6 === 2 } };
    }
    at += 2 + length;
  }
  return undefined;
}

export interface Ipv6Fields {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly trafficClass: number;
  readonly flowLabel: number;
  readonly hopLimit: number;
  /** Bytes after all headers that are written here. */
  readonly length: number;
  readonly hint: number | undefined;
  readonly fragment?: Fragment;
}

export const ipv6HeaderLength = (hint: number | undefined): number =>
  IPV6_HEADER + (hint === undefined ? 0 : MCPHINT_IPV6_LENGTH);

/** Writes the headers, a hint before a fragment header, and returns their length. */
export function emitIpv6(target: Uint8Array, at: number, fields: Ipv6Fields, layout: McpHintLayout): number {
  const { fragment, hint } = fields;
  const header = ipv6HeaderLength(hint) + (fragment === undefined ? 0 : IPV6_FRAGMENT_HEADER);
  const length = header - IPV6_HEADER + fields.length;
  const afterHint = fragment === undefined ? fields.protocol : Protocol.fragment;
  target[at] = 0x60 | (fields.trafficClass >>> 4);
  target[at + 1] = ((fields.trafficClass & 0x0f) << 4) | (fields.flowLabel >>> 16);
  target[at + 2] = fields.flowLabel >>> 8;
  target[at + 3] = fields.flowLabel;
  target[at + 4] = length >>> 8;
  target[at + 5] = length;
  target[at + 6] = hint === undefined ? afterHint : Protocol.hopByHop;
  target[at + 7] = fields.hopLimit;
  target.set(fields.source, at + 8);
  target.set(fields.destination, at + 24);
  let next = at + IPV6_HEADER;
  if (hint !== undefined) {
    emitMcpHintIpv6(target, next, afterHint, hint, layout);
    next += MCPHINT_IPV6_LENGTH;
  }
  if (fragment !== undefined) {
    const field = fragment.offset | (fragment.isLast ? 0 : 1);
    target.set([fields.protocol, 0, field >>> 8, field & 0xff], next);
    new DataView(target.buffer, target.byteOffset).setUint32(next + 4, fragment.id);
  }
  return header;
}
