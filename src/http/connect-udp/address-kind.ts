/**
 * What an address is for, by IANA's registries of special-purpose addresses (RFC 6890). A proxy that anyone may ask to send
 * somewhere must not reach its own machine and network (RFC 9298 §7).
 */

import { isInPrefix, type Prefix, parsePrefix } from "../../ip/address.ts";

export type AddressKind =
  | "public"
  | "unspecified"
  | "loopback"
  | "link-local"
  | "private"
  | "multicast"
  | "broadcast"
  | "documentation"
  | "benchmarking"
  | "reserved";

const table = (rows: readonly (readonly [AddressKind, ...string[]])[]): readonly (readonly [Prefix, AddressKind])[] =>
  rows.flatMap(([kind, ...prefixes]) => prefixes.map((text) => [parsePrefix(text)!, kind] as const));

/** The first match counts. */
const KINDS = table([
  ["unspecified", "0.0.0.0/8", "::/128"],
  ["loopback", "127.0.0.0/8", "::1/128"],
  ["link-local", "169.254.0.0/16", "fe80::/10"],
  // With the space that carriers share (RFC 6598), unique local addresses (RFC 4193), and the site-local ones before them.
  ["private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"],
  ["multicast", "224.0.0.0/4", "ff00::/8"],
  ["broadcast", "255.255.255.255/32"],
  ["documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
  ["benchmarking", "198.18.0.0/15", "2001:2::/48"],
  // Protocol assignments, the relays of 6to4, and class E; ORCHIDs; Teredo, whose packets end in another tunnel.
  ["reserved", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23"],
  ["public", "0.0.0.0/0", "2000::/3", "64:ff9b::/96"],
]);

/** Prefixes of IPv6 addresses that hold an IPv4 address, and its position in bytes. */
const EMBEDDING: readonly (readonly [Prefix, number])[] = [
  [parsePrefix("::ffff:0:0/96")!, 12], // IPv4-mapped (RFC 4291 §2.5.5.2)
  [parsePrefix("::/96")!, 12], // IPv4-compatible, deprecated (RFC 4291 §2.5.5.1)
  [parsePrefix("::ffff:0:0:0/96")!, 12], // IPv4-translated (RFC 2765)
  [parsePrefix("64:ff9b::/96")!, 12], // NAT64 (RFC 6052)
  [parsePrefix("64:ff9b:1::/48")!, 12], // NAT64 of a network of its own (RFC 8215), with the usual length
  [parsePrefix("2002::/16")!, 2], // 6to4 (RFC 3056)
];

const MAPPED = EMBEDDING[0]![0];

/** An IPv4 address in its IPv6 form becomes four bytes: systems send to it over IPv4. */
export const unmapped = (address: Uint8Array): Uint8Array =>
  isInPrefix(MAPPED, address) ? address.subarray(12) : address;

/** Packets to an address that embeds another one can end there, so that one counts unless it is public. */
export function addressKind(address: Uint8Array): AddressKind {
  const own = KINDS.find(([prefix]) => isInPrefix(prefix, address))?.[1] ?? "reserved";
  // "::" and "::1" would embed 0.0.0.0 and 0.0.0.1.
  if (own === "unspecified" || own === "loopback" || own === "multicast") return own;
  const embedding = EMBEDDING.find(([prefix]) => isInPrefix(prefix, address));
  if (embedding === undefined) return own;
  const inner = addressKind(address.subarray(embedding[1], embedding[1] + 4));
  if (inner !== "public") return inner;
  return embedding[0] === MAPPED ? "public" : own;
}
