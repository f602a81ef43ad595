/** Packets for the programs of examples/bpf. */

import { SeededRng } from "../../base/rng.ts";
import { finishChecksum, sumWords } from "../../wire/checksum.ts";

const UDP = 17;
const TCP = 6;

export interface PacketFields {
  readonly protocol?: number;
  readonly source?: number;
  readonly destination?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly tcpFlags?: number;
  readonly ttl?: number;
  readonly length?: number;
}

/** An IPv4 packet in Ethernet. The IP checksum is right. */
export function ipv4Packet(fields: PacketFields = {}): Uint8Array {
  const { protocol = UDP, source = 0x0a00_0001, destination = 0x0a00_0002, ttl = 64, length = 60 } = fields;
  const packet = new Uint8Array(length);
  const view = new DataView(packet.buffer);
  packet.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
  view.setUint16(16, length - 14);
  view.setUint8(22, ttl);
  view.setUint8(23, protocol);
  view.setUint32(26, source);
  view.setUint32(30, destination);
  view.setUint16(24, finishChecksum(sumWords(packet, 14, 34)));
  view.setUint16(34, fields.sourcePort ?? 4433);
  view.setUint16(36, fields.destinationPort ?? 53);
  if (protocol === TCP) view.setUint16(46, 0x5000 | (fields.tcpFlags ?? 2));
  return packet;
}

/** Packets of many kinds: UDP and TCP, tagged, IPv6 with extension headers, cut off, and noise. */
export function mixedPackets(count: number, seed: number): readonly Uint8Array[] {
  const rng = new SeededRng(seed);
  const below = (limit: number): number => rng.uint32() % limit;
  return Array.from({ length: count }, () => {
    const kind = below(10);
    if (kind === 0) {
      const noise = new Uint8Array(14 + below(80));
      rng.fill(noise);
      return noise;
    }
    const packet = ipv4Packet({
      protocol: [UDP, UDP, TCP, 1][below(4)]!,
      source: 0x0a00_0000 + below(64),
      destination: [0x0a00_0000, 0x0a01_0000, 0xc0a8_0000][below(3)]! + below(1024),
      sourcePort: 1024 + below(64),
      destinationPort: [53, 80, 443, 4433][below(4)]!,
      tcpFlags: [2, 0x10, 0x12][below(3)]!,
      ttl: 1 + below(64),
    });
    if (kind === 1) return packet.slice(0, 14 + below(46));
    if (kind === 2) return tagged(packet, 1 + below(5));
    if (kind === 3) return withOptions(packet, below(11));
    if (kind === 4) return ipv6Packet(below(9), below(3));
    return packet;
  });
}

function tagged(packet: Uint8Array, tags: number): Uint8Array {
  const result = new Uint8Array(packet.length + tags * 4);
  result.set(packet.subarray(0, 12));
  for (let i = 0; i < tags; i += 1) result.set([0x81, 0, 0, i], 12 + i * 4);
  result.set(packet.subarray(12), 12 + tags * 4);
  return result;
}

function withOptions(packet: Uint8Array, words: number): Uint8Array {
  const result = new Uint8Array(packet.length + words * 4).fill(1);
  result.set(packet.subarray(0, 34));
  result[14] = 0x45 + words;
  result.set(packet.subarray(34), 34 + words * 4);
  return result;
}

function ipv6Packet(headers: number, units: number): Uint8Array {
  const result = new Uint8Array(14 + 40 + headers * (8 + units * 8) + 8);
  result.set([0x86, 0xdd, 0x60], 12);
  result[20] = headers > 0 ? 60 : UDP;
  for (let i = 0; i < headers; i += 1) {
    result.set([i + 1 < headers ? 60 : UDP, units], 54 + i * (8 + units * 8));
  }
  return result;
}
