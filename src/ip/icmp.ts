/**
 * ICMP (RFC 792) and ICMPv6 (RFC 4443): echo, and the errors, which both directions see as one set of kinds. Neighbour
 * discovery, which shares ICMPv6's numbers, is in `nd.ts`.
 */

import { finishChecksum, foldSum, sumWords } from "../wire/checksum.ts";
import { type IpPacket, type OutgoingPacket, Protocol } from "./packet.ts";
import { sumPseudoHeader } from "./pseudo-header.ts";

export const Icmp4 = {
  echoReply: 0,
  unreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

export const Icmp6 = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
} as const;

/** Header bytes of all messages here. */
export const ICMP_HEADER = 8;

/** What an error says, for both versions. */
export type IcmpErrorKind =
  | "network-unreachable"
  | "host-unreachable"
  | "protocol-unreachable"
  | "port-unreachable"
  | "prohibited"
  | "source-route-failed"
  | "packet-too-big"
  | "time-exceeded"
  | "parameter-problem";

/** An error about a packet that this host sent, as far as the error quotes it. */
export interface IcmpError {
  readonly kind: IcmpErrorKind;
  /** Who reports it. */
  readonly reporter: Uint8Array;
  /** Of "packet-too-big"; 0 if the router did not say. */
  readonly mtu: number;
  /** The quoted packet. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  /** The start of the quoted transport header, at least 8 bytes. Valid only during the call. */
  readonly transport: Uint8Array;
}

/** RFC 792, RFC 1812 §5.2.7.1. */
const UNREACHABLE_4: readonly (IcmpErrorKind | undefined)[] = [
  "network-unreachable",
  "host-unreachable",
  "protocol-unreachable",
  "port-unreachable",
  "packet-too-big",
  "source-route-failed",
  "network-unreachable",
  "host-unreachable",
  "host-unreachable",
  "prohibited",
  "prohibited",
  "network-unreachable",
  "host-unreachable",
  "prohibited",
  "host-unreachable",
  "prohibited",
];

/** RFC 4443 §3.1. */
const UNREACHABLE_6: readonly (IcmpErrorKind | undefined)[] = [
  "network-unreachable",
  "prohibited",
  "network-unreachable",
  "host-unreachable",
  "port-unreachable",
  "prohibited",
  "prohibited",
];

/** Undefined for messages that are not errors, and for Source Quench (RFC 6633). */
function errorKind(version: 4 | 6, type: number, code: number): IcmpErrorKind | undefined {
  if (version === 4) {
    if (type === Icmp4.unreachable) return UNREACHABLE_4[code];
    if (type === Icmp4.timeExceeded) return "time-exceeded";
    return type === Icmp4.parameterProblem ? "parameter-problem" : undefined;
  }
  switch (type) {
    case Icmp6.unreachable:
      return UNREACHABLE_6[code];
    case Icmp6.packetTooBig:
      return "packet-too-big";
    case Icmp6.timeExceeded:
      return "time-exceeded";
    case Icmp6.parameterProblem:
      return "parameter-problem";
    default:
      return undefined;
  }
}

/** True if the message's checksum is right. */
export function isIcmpIntact({ version, bytes, start, end, source, destination }: IpPacket): boolean {
  if (end - start < ICMP_HEADER) return false;
  const pseudo = version === 4 ? 0 : sumPseudoHeader(source, destination, Protocol.icmpv6, end - start);
  return foldSum(sumWords(bytes, start, end, pseudo)) === 0xffff;
}

/** Reads an error message and the packet that it quotes; undefined if it is not an error or quotes too little. */
export function readIcmpError(packet: IpPacket): IcmpError | undefined {
  const { bytes, start, end, version } = packet;
  const kind = errorKind(version, bytes[start]!, bytes[start + 1]!);
  if (kind === undefined) return undefined;
  const at = start + ICMP_HEADER;
  const quoted = version === 4 ? quotedIpv4(bytes, at, end) : quotedIpv6(bytes, at, end);
  if (quoted === undefined || end - quoted.transportAt < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // RFC 1191 §4, RFC 4443 §3.2.
  const mtu = kind !== "packet-too-big" ? 0 : version === 4 ? view.getUint16(start + 6) : view.getUint32(start + 4);
  const { source, destination, protocol, transportAt } = quoted;
  return {
    kind,
    reporter: packet.source,
    mtu,
    source,
    destination,
    protocol,
    transport: bytes.subarray(transportAt, end),
  };
}

interface Quoted {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly transportAt: number;
}

function quotedIpv4(bytes: Uint8Array, at: number, end: number): Quoted | undefined {
  if (end - at < 20 || bytes[at]! >>> 4 !== 4) return undefined;
  const header = (bytes[at]! & 0x0f) * 4;
  // A later fragment quotes no transport header.
  if (header < 20 || (((bytes[at + 6]! << 8) | bytes[at + 7]!) & 0x1fff) !== 0) return undefined;
  return {
    source: bytes.slice(at + 12, at + 16),
    destination: bytes.slice(at + 16, at + 20),
    protocol: bytes[at + 9]!,
    transportAt: at + header,
  };
}

function quotedIpv6(bytes: Uint8Array, at: number, end: number): Quoted | undefined {
  if (end - at < 40 || bytes[at]! >>> 4 !== 6) return undefined;
  let protocol = bytes[at + 6]!;
  let next = at + 40;
  while (protocol === Protocol.hopByHop || protocol === Protocol.destinationOptions || protocol === Protocol.fragment) {
    if (end - next < 8) return undefined;
    const length = protocol === Protocol.fragment ? 8 : (bytes[next + 1]! + 1) * 8;
    protocol = bytes[next]!;
    next += length;
  }
  return {
    source: bytes.slice(at + 8, at + 24),
    destination: bytes.slice(at + 24, at + 40),
    protocol,
    transportAt: next,
  };
}

export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** The four bytes after the checksum. */
  readonly rest: number;
  readonly body: Uint8Array;
}

/** A message as a packet to send. ICMPv6's checksum covers the pseudo header, so the IP layer completes it. */
export function icmpPacket(
  version: 4 | 6,
  { type, code, rest, body }: IcmpMessage,
  destination: Uint8Array,
  source?: Uint8Array,
  hopLimit?: number,
): OutgoingPacket {
  const length = ICMP_HEADER + body.length;
  return {
    source,
    destination,
    protocol: version === 4 ? Protocol.icmp : Protocol.icmpv6,
    length,
    checksumOffset: version === 4 ? undefined : 2,
    hopLimit,
    emit(target, at) {
      target.set([type, code, 0, 0, rest >>> 24, rest >>> 16, rest >>> 8, rest], at);
      target.set(body, at + ICMP_HEADER);
      if (version === 6) return;
      const checksum = finishChecksum(sumWords(target, at, at + length));
      target[at + 2] = checksum >>> 8;
      target[at + 3] = checksum;
    },
  };
}

/** RFC 1812 §4.3.2.3: as much of the packet as fits into 576 bytes; RFC 4443 §2.4 (c): into 1280. */
const QUOTE = { 4: 576 - 20 - ICMP_HEADER, 6: 1280 - 40 - ICMP_HEADER } as const;

/** The start of a received packet, to quote in an error. */
export const quote = ({ version, bytes, headerStart, end }: IpPacket): Uint8Array =>
  bytes.slice(headerStart, Math.min(end, headerStart + QUOTE[version]));

/** What a failure on this host means for a packet that it wanted to send, in the form of an error from outside. */
export function localError(kind: IcmpErrorKind, bytes: Uint8Array, at: number, end: number): IcmpError | undefined {
  const quoted = bytes[at]! >>> 4 === 4 ? quotedIpv4(bytes, at, end) : quotedIpv6(bytes, at, end);
  if (quoted === undefined || end - quoted.transportAt < 8) return undefined;
  const { source, destination, protocol, transportAt } = quoted;
  return { kind, reporter: source, mtu: 0, source, destination, protocol, transport: bytes.subarray(transportAt, end) };
}
