/** ARP packets for IPv4 over Ethernet (RFC 826, RFC 5227 for the kinds). */

import { type MacAddress, readMac, writeMac } from "./mac.ts";

export const ARP_LENGTH = 28;

const ETHERNET = 1;
const IPV4 = 0x0800;

export const ArpOperation = { request: 1, reply: 2 } as const;

export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: MacAddress;
  readonly senderIp: Uint8Array;
  readonly targetMac: MacAddress;
  readonly targetIp: Uint8Array;
}

/** Undefined if the packet is too short or not about IPv4 over Ethernet. Bytes after the 28 are padding. */
export function parseArp(bytes: Uint8Array): ArpPacket | undefined {
  if (bytes.length < ARP_LENGTH) return undefined;
  const word = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  // RFC 826, "Packet Reception": hardware type, protocol, and their lengths.
  if (word(0) !== ETHERNET || word(2) !== IPV4 || bytes[4] !== 6 || bytes[5] !== 4) return undefined;
  return {
    operation: word(6),
    senderMac: readMac(bytes, 8),
    senderIp: bytes.slice(14, 18),
    targetMac: readMac(bytes, 18),
    targetIp: bytes.slice(24, 28),
  };
}

export function emitArp(packet: ArpPacket, target: Uint8Array, at = 0): void {
  target.set(
    [ETHERNET >> 8, ETHERNET, IPV4 >> 8, IPV4 & 0xff, 6, 4, packet.operation >> 8, packet.operation & 0xff],
    at,
  );
  writeMac(target, at + 8, packet.senderMac);
  target.set(packet.senderIp, at + 14);
  writeMac(target, at + 18, packet.targetMac);
  target.set(packet.targetIp, at + 24);
}
