/** The address of a request's client: that of the connection, or the one that trusted proxies in front report. */

import type { ServerExchange } from "../../../host/http/exchange.ts";
import type { AddressSet } from "../../../host/listen/address-set.ts";
import { combinedFieldValue } from "../../../http/index.ts";
import { formatIpAddress, parseIpAddress } from "../../../wire/ip-address.ts";

/** Entries of a list that are read; a longer one was not written by our own proxies. */
const MAX_HOPS = 32;

/**
 * Walks the list of addresses from its end, where the nearest proxy writes, and returns the first that is not a trusted
 * proxy. Everything to the left of it is the client's own claim. A migrating client keeps the address at which its
 * connection began.
 */
export function clientAddress(exchange: ServerExchange, proxies: AddressSet): string {
  let address = (exchange.firstAddress ?? exchange.remoteAddress).address;
  if (!proxies.has(address)) return address;
  for (const hop of forwardedAddresses(exchange).reverse()) {
    // RFC 7239 §6.3: "unknown" and obfuscated identifiers are not addresses.
    if (parseIpAddress(hop) === undefined) break;
    address = hop;
    if (!proxies.has(hop)) break;
  }
  return address;
}

/** The nearest hops, the nearest last. X-Forwarded-For comes first, because more proxies append to it. */
function forwardedAddresses({ fields }: ServerExchange): string[] {
  const list = combinedFieldValue(fields, "x-forwarded-for");
  if (list !== undefined) return list.split(",").slice(-MAX_HOPS).map(hostOf);
  const forwarded = combinedFieldValue(fields, "forwarded");
  if (forwarded === undefined) return [];
  // RFC 7239 §4: elements are separated by commas; `for` is a token, or quoted.
  return forwarded
    .split(",")
    .slice(-MAX_HOPS)
    .map((element) => hostOf(/(?:^|;)\s*for=("[^"]*"|[^;\s]*)/i.exec(element)?.[1]?.replaceAll('"', "") ?? ""));
}

/** Removes brackets and a port (RFC 7239 §6). */
function hostOf(text: string): string {
  const trimmed = text.trim();
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed);
  if (bracketed !== null) return bracketed[1]!;
  return /^[\d.]+:\d+$/.test(trimmed) ? trimmed.slice(0, trimmed.indexOf(":")) : trimmed;
}

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
