// One line for a frame, as `nagare tap` prints it.

import { Icmp4, Icmp6, type IpPacket, MCPHINT_LAYOUT, Protocol, parseIpv4, parseIpv6 } from "../../ip/index.ts";
import { ArpOperation, ETHERNET_HEADER, EtherType, etherTypeOf, formatMac, parseArp } from "../../link/index.ts";
import { parseResetPayload } from "../../tcp/diagnostics/payload.ts";
import { describeReset } from "../../tcp/diagnostics/reasons.ts";
import { Flag, parseSegment, type Segment } from "../../tcp/index.ts";
import { parseUdp } from "../../udp/index.ts";
import { formatIpAddress } from "../../wire/ip-address.ts";

const FLAG_LETTERS = [
  ["S", Flag.syn],
  ["F", Flag.fin],
  ["R", Flag.rst],
  ["P", Flag.psh],
  [".", Flag.ack],
  ["U", Flag.urg],
  ["E", Flag.ece],
  ["W", Flag.cwr],
] as const;

export function describeFrame(frame: Uint8Array): string {
  if (frame.length < ETHERNET_HEADER) return `runt of ${frame.length} bytes`;
  const type = etherTypeOf(frame);
  if (type === EtherType.arp) return describeArp(frame.subarray(ETHERNET_HEADER));
  if (type !== EtherType.ipv4 && type !== EtherType.ipv6) return `EtherType 0x${type.toString(16).padStart(4, "0")}`;
  const parse = type === EtherType.ipv4 ? parseIpv4 : parseIpv6;
  const packet = parse(frame, ETHERNET_HEADER, frame.length, MCPHINT_LAYOUT);
  if (typeof packet === "string") return `IPv4, malformed: ${packet}`;
  return "drop" in packet ? `IPv6, malformed: ${packet.drop}` : describePacket(packet);
}

function describeArp(bytes: Uint8Array): string {
  const packet = parseArp(bytes);
  if (packet === undefined) return "ARP, malformed";
  const { operation, senderIp, senderMac, targetIp } = packet;
  if (operation === ArpOperation.reply) return `ARP ${formatIpAddress(senderIp)} is at ${formatMac(senderMac)}`;
  return `ARP who has ${formatIpAddress(targetIp)}? tell ${formatIpAddress(senderIp)}`;
}

function describePacket(packet: IpPacket): string {
  const { source, destination, protocol, start, end, bytes, fragment } = packet;
  const [from, to] = [formatIpAddress(source), formatIpAddress(destination)];
  if (fragment !== undefined) return `IP ${from} > ${to} fragment ${fragment.offset}+${end - start}`;
  if (protocol === Protocol.tcp) {
    // Offloaded checksums are not complete.
    const segment = parseSegment({ ...packet, isVerified: true });
    if (typeof segment === "string") return `TCP ${from} > ${to} malformed: ${segment}`;
    return `TCP ${from}:${segment.sourcePort} > ${to}:${segment.destinationPort} ${describeSegment(segment)}`;
  }
  if (protocol === Protocol.udp) {
    const header = parseUdp({ ...packet, isVerified: true });
    if (typeof header === "string") return `UDP ${from} > ${to} malformed: ${header}`;
    return `UDP ${from}:${header.sourcePort} > ${to}:${header.destinationPort} ${header.end - header.start} bytes`;
  }
  if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
    const type = bytes[start]!;
    const isRequest = type === (protocol === Protocol.icmp ? Icmp4.echoRequest : Icmp6.echoRequest);
    const isReply = type === (protocol === Protocol.icmp ? Icmp4.echoReply : Icmp6.echoReply);
    const what = isRequest ? "echo request" : isReply ? "echo reply" : `type ${type} code ${bytes[start + 1]}`;
    return `ICMP ${from} > ${to} ${what}, ${end - start} bytes`;
  }
  return `IP ${from} > ${to} protocol ${protocol}, ${end - start} bytes`;
}

function describeSegment({ flags, sequence, acknowledgment, window, bytes, start, end }: Segment): string {
  const letters = FLAG_LETTERS.filter(([, bit]) => (flags & bit) !== 0).map(([letter]) => letter);
  const ack = (flags & Flag.ack) === 0 ? "" : ` ack ${acknowledgment}`;
  const payload = parseResetPayload(bytes.subarray(start, end));
  const why = (flags & Flag.rst) !== 0 && typeof payload === "object" ? `: ${describeReset(payload.reason)}` : "";
  return `[${letters.join("")}] seq ${sequence}${ack} win ${window}, ${end - start} bytes${why}`;
}
