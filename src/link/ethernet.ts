/** Ethernet II frames: two addresses and a type, without the frame check sequence, which hardware adds. */

import { type MacAddress, readMac, writeMac } from "./mac.ts";

export const ETHERNET_HEADER = 14;

export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/** The fields of a frame, read where they stand. The frame has at least 14 bytes. */
export const destinationOf = (frame: Uint8Array): MacAddress => readMac(frame, 0);
export const sourceOf = (frame: Uint8Array): MacAddress => readMac(frame, 6);
export const etherTypeOf = (frame: Uint8Array): number => (frame[12]! << 8) | frame[13]!;

export function writeEthernet(
  frame: Uint8Array,
  destination: MacAddress,
  source: MacAddress,
  etherType: number,
  at = 0,
): void {
  writeMac(frame, at, destination);
  writeMac(frame, at + 6, source);
  frame[at + 12] = etherType >>> 8;
  frame[at + 13] = etherType;
}
