/** The part of a client's address that identifies it for limits, and the part that logs may hold. */

import { formatIpAddress, parseIpAddress } from "../../../wire/ip-address.ts";

/** Bytes of an IPv6 address that stand for one client: networks give each customer a /64 or more (RFC 6177). */
const IPV6_CLIENT = 8;

/** What limits count as one client: an IPv4 address, or the /64 of an IPv6 address. */
export function clientKey(address: string): string {
  if (!address.includes(":")) return address;
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return address;
  return `${formatIpAddress(bytes.map((byte, i) => (i < IPV6_CLIENT ? byte : 0)))}/64`;
}

/** Bytes that stay of an address of each length. */
const NETWORK: Readonly<Record<number, number>> = { 4: 3, 16: 6 };

/** The network of an address, for logs that must not identify people: /24 for IPv4, /48 for IPv6. */
export function networkOf(address: string): string {
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return "";
  const kept = NETWORK[bytes.length]!;
  return formatIpAddress(bytes.map((byte, i) => (i < kept ? byte : 0)));
}
