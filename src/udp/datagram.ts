/** UDP headers (RFC 768). */

import type { IpPacket } from "../ip/index.ts";
import { Protocol, sumPseudoHeader } from "../ip/index.ts";
import { foldSum, sumWords } from "../wire/checksum.ts";

export const UDP_HEADER = 8;

export interface UdpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The payload is `bytes[start, end)` of the packet. */
  readonly start: number;
  readonly end: number;
}

export type UdpDropReason = "truncated" | "length" | "checksum" | "port-zero";

export function parseUdp(packet: IpPacket): UdpHeader | UdpDropReason {
  const { bytes, start, end, version, source, destination, isVerified } = packet;
  if (end - start < UDP_HEADER) return "truncated";
  const word = (at: number): number => (bytes[start + at]! << 8) | bytes[start + at + 1]!;
  const length = word(4);
  if (length < UDP_HEADER || length > end - start) return "length";
  const checksum = word(6);
  // RFC 768: zero means none; RFC 8200 §8.1: not with IPv6.
  if (checksum === 0 && version === 6) return "checksum";
  if (checksum !== 0 && !isVerified) {
    const pseudo = sumPseudoHeader(source, destination, Protocol.udp, length);
    if (foldSum(sumWords(bytes, start, start + length, pseudo)) !== 0xffff) return "checksum";
  }
  if (word(2) === 0) return "port-zero";
  return { sourcePort: word(0), destinationPort: word(2), start: start + UDP_HEADER, end: start + length };
}

export function emitUdp(
  target: Uint8Array,
  at: number,
  sourcePort: number,
  destinationPort: number,
  payload: Uint8Array,
): void {
  const length = UDP_HEADER + payload.length;
  target.set([sourcePort >> 8, sourcePort & 0xff, destinationPort >> 8, destinationPort & 0xff], at);
  target.set([length >> 8, length & 0xff, 0, 0], at + 4);
  target.set(payload, at + UDP_HEADER);
}
