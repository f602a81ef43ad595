// The fields of a frame, named as Wireshark names them, so that filters and answers can be compared.
import { Icmp4, Icmp6, type IpPacket, MCPHINT_LAYOUT, Protocol, parseIpv4, parseIpv6 } from "../../ip/index.ts";
import {
  destinationOf,
  ETHERNET_HEADER,
  EtherType,
  etherTypeOf,
  formatMac,
  LinkType,
  parseArp,
  sourceOf,
} from "../../link/index.ts";
import { parsePacketHeader } from "../../quic/packet/index.ts";
import { parseResetPayload } from "../../tcp/diagnostics/payload.ts";
import { describeReset } from "../../tcp/diagnostics/reasons.ts";
import { Flag, parseSegment } from "../../tcp/index.ts";
import { parseUdp } from "../../udp/index.ts";
import { formatIpAddress } from "../../wire/ip-address.ts";

export type FieldValue = string | number;
/** In the order of the frame. */
export type Fields = Record<string, FieldValue>;

/** The fields of a frame, from the link layer on. Never throws: what is malformed is in `malformed`. */
export function fieldsOf(frame: Uint8Array, linkType: number): Fields {
  const fields: Fields = { "frame.len": frame.length };
  if (linkType === LinkType.rawIp) {
    addIp(fields, frame, 0, (frame[0] ?? 0) >> 4);
    return fields;
  }
  if (linkType !== LinkType.ethernet) {
    fields.malformed = `link type ${linkType} is unknown`;
    return fields;
  }
  if (frame.length < ETHERNET_HEADER) {
    fields.malformed = "Ethernet header";
    return fields;
  }
  const type = etherTypeOf(frame);
  fields["eth.dst"] = formatMac(destinationOf(frame));
  fields["eth.src"] = formatMac(sourceOf(frame));
  fields["eth.type"] = `0x${type.toString(16).padStart(4, "0")}`;
  if (type === EtherType.arp) addArp(fields, frame.subarray(ETHERNET_HEADER));
  else if (type === EtherType.ipv4) addIp(fields, frame, ETHERNET_HEADER, 4);
  else if (type === EtherType.ipv6) addIp(fields, frame, ETHERNET_HEADER, 6);
  return fields;
}

function addArp(fields: Fields, bytes: Uint8Array): void {
  const packet = parseArp(bytes);
  if (packet === undefined) {
    fields.malformed = "ARP";
    return;
  }
  fields["arp.opcode"] = packet.operation;
  fields["arp.src.hw_mac"] = formatMac(packet.senderMac);
  fields["arp.src.proto_ipv4"] = formatIpAddress(packet.senderIp);
  fields["arp.dst.hw_mac"] = formatMac(packet.targetMac);
  fields["arp.dst.proto_ipv4"] = formatIpAddress(packet.targetIp);
}

function addIp(fields: Fields, frame: Uint8Array, at: number, version: number): void {
  const parsed = (version === 4 ? parseIpv4 : parseIpv6)(frame, at, frame.length, MCPHINT_LAYOUT);
  if (typeof parsed === "string" || "drop" in parsed) {
    fields.malformed = `IPv${version}: ${typeof parsed === "string" ? parsed : parsed.drop}`;
    return;
  }
  const prefix = version === 4 ? "ip" : "ipv6";
  fields[`${prefix}.src`] = formatIpAddress(parsed.source);
  fields[`${prefix}.dst`] = formatIpAddress(parsed.destination);
  fields[version === 4 ? "ip.ttl" : "ipv6.hlim"] = parsed.hopLimit;
  fields[version === 4 ? "ip.proto" : "ipv6.nxt"] = version === 4 ? parsed.protocol : frame[at + 6]!;
  if (version === 4) fields["ip.len"] = (frame[at + 2]! << 8) | frame[at + 3]!;
  else fields["ipv6.plen"] = (frame[at + 4]! << 8) | frame[at + 5]!;
  if (parsed.hint !== undefined) fields.mcphint = parsed.hint;
  if (parsed.fragment !== undefined) {
    fields[version === 4 ? "ip.frag_offset" : "ipv6.fraghdr.offset"] = parsed.fragment.offset;
    if (parsed.fragment.offset > 0) return;
  }
  // Captures on the sending side have checksums that the device had still to compute.
  const packet = { ...parsed, isVerified: true };
  if (packet.protocol === Protocol.tcp) addTcp(fields, packet);
  else if (packet.protocol === Protocol.udp) addUdp(fields, packet);
  else if (packet.protocol === Protocol.icmp || packet.protocol === Protocol.icmpv6) addIcmp(fields, packet);
}

function addTcp(fields: Fields, packet: IpPacket): void {
  const segment = parseSegment(packet);
  if (typeof segment === "string") {
    fields.malformed = `TCP: ${segment}`;
    return;
  }
  const { options } = segment;
  fields["tcp.srcport"] = segment.sourcePort;
  fields["tcp.dstport"] = segment.destinationPort;
  fields["tcp.seq_raw"] = segment.sequence;
  fields["tcp.ack_raw"] = segment.acknowledgment;
  fields["tcp.len"] = segment.end - segment.start;
  fields["tcp.window_size_value"] = segment.window;
  for (const [name, bit] of Object.entries(Flag)) {
    const short = { psh: "push", rst: "reset", cwr: "cwr", ece: "ece" }[name] ?? name;
    fields[`tcp.flags.${short}`] = (segment.flags & bit) === 0 ? 0 : 1;
  }
  if ((segment.flags & Flag.urg) !== 0) fields["tcp.urgent_pointer"] = segment.urgentPointer;
  if (options === undefined) fields.malformed = "TCP: the length of an option";
  if (options?.mss !== undefined) fields["tcp.options.mss_val"] = options.mss;
  if (options?.windowScale !== undefined) fields["tcp.options.wscale.shift"] = options.windowScale;
  if (options?.timestamp !== undefined) {
    fields["tcp.options.timestamp.tsval"] = options.timestamp.value;
    fields["tcp.options.timestamp.tsecr"] = options.timestamp.echo;
  }
  options?.sack?.forEach((edge, i) => {
    fields[`tcp.options.sack_${i % 2 === 0 ? "le" : "re"}.${i >> 1}`] = edge;
  });
  if ((segment.flags & Flag.rst) === 0) return;
  const payload = parseResetPayload(segment.bytes.subarray(segment.start, segment.end));
  if (typeof payload === "object") fields["tcp.reset_reason"] = describeReset(payload.reason);
}

function addUdp(fields: Fields, packet: IpPacket): void {
  const header = parseUdp(packet);
  if (typeof header === "string") {
    fields.malformed = `UDP: ${header}`;
    return;
  }
  fields["udp.srcport"] = header.sourcePort;
  fields["udp.dstport"] = header.destinationPort;
  fields["udp.length"] = header.end - header.start + 8;
  const payload = packet.bytes.subarray(header.start, header.end);
  // RFC 9000 §17.2: the form bit and the fixed bit of a long header. Short headers cannot be told from other payloads.
  if (payload.length >= 7 && (payload[0]! & 0xc0) === 0xc0) addQuic(fields, payload);
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function addQuic(fields: Fields, payload: Uint8Array): void {
  const version = new DataView(payload.buffer, payload.byteOffset).getUint32(1);
  if (version !== 1 && version !== 0x6b3343cf && version !== 0) return;
  const header = parsePacketHeader(payload, 0, payload.length, 0);
  if (header === undefined) return;
  // RFC 8999 §5.1: where the ids are is the same in all versions.
  const length = payload[5]!;
  const other = payload[6 + length]!;
  fields["quic.version"] = `0x${version.toString(16).padStart(8, "0")}`;
  fields["quic.dcid"] = hex(payload.subarray(6, 6 + length));
  fields["quic.scid"] = hex(payload.subarray(7 + length, 7 + length + other));
}

function addIcmp(fields: Fields, { protocol, bytes, start, end }: IpPacket): void {
  const prefix = protocol === Protocol.icmp ? "icmp" : "icmpv6";
  if (end - start < 8) {
    fields.malformed = "ICMP";
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const type = bytes[start]!;
  fields[`${prefix}.type`] = type;
  fields[`${prefix}.code`] = bytes[start + 1]!;
  const isEcho =
    protocol === Protocol.icmp
      ? type === Icmp4.echoRequest || type === Icmp4.echoReply
      : type === Icmp6.echoRequest || type === Icmp6.echoReply;
  if (!isEcho) return;
  fields[`${prefix}.${protocol === Protocol.icmp ? "ident" : "echo.identifier"}`] = view.getUint16(start + 4);
  fields[`${prefix}.${protocol === Protocol.icmp ? "seq" : "echo.sequence_number"}`] = view.getUint16(start + 6);
}
