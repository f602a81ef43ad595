/** The addresses of this machine: those the system lists, and unlisted ones that local peers connect to. */

import { readFile } from "node:fs/promises";
import { endianness, networkInterfaces } from "node:os";
import type { SocketAddress } from "../../base/datagrams.ts";
import { isSubnetBroadcast, parsePrefix } from "../../ip/address.ts";
import { addressKey, formatIpv6 } from "../../wire/ip-address.ts";

/** In the form `bind` takes, link-local ones with their zone. Undefined if the system does not list them (Android). */
export function listedAddresses(family: 4 | 6): readonly string[] | undefined {
  try {
    const found: string[] = [];
    for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
      for (const each of addresses) {
        if (each.family !== `IPv${family}`) continue;
        const needsZone = each.family === "IPv6" && each.scopeid !== 0;
        const zone = needsZone ? `%${process.platform === "win32" ? each.scopeid : name}` : "";
        found.push(each.address + zone);
      }
    }
    return found;
  } catch {
    return undefined;
  }
}

/**
 * The address to which a peer on this machine has connected its UDP socket, from Linux's socket table. It finds
 * addresses that no interface lists, such as those of 127/8 except 127.0.0.1. Undefined on other systems, or if the
 * socket is not connected.
 */
export async function addressContactedBy(peer: SocketAddress, port: number): Promise<string | undefined> {
  for (const [file, parse] of TABLES) {
    const table = await readFile(file, "latin1").catch(() => "");
    const host = addressInTable(table, parse, peer, port);
    if (host !== undefined) return host;
  }
  return undefined;
}

/** Parses an address in the table's notation. */
type ParseAddress = (hex: string) => string | undefined;

const TABLES: readonly (readonly [file: string, parse: ParseAddress])[] = [
  ["/proc/net/udp", (hex) => Array.from(words(hex)).join(".")],
  ["/proc/net/udp6", (hex) => ipv6Address(words(hex))],
];

function addressInTable(table: string, parse: ParseAddress, peer: SocketAddress, port: number): string | undefined {
  const from = `:${hexPort(peer.port)}`;
  const to = `:${hexPort(port)}`;
  for (const line of table.split("\n")) {
    const [, local = "", remote = ""] = line.trim().split(/\s+/);
    if (!local.endsWith(from) || !remote.endsWith(to)) continue;
    if (parse(local.slice(0, -from.length)) === peer.host) return parse(remote.slice(0, -to.length));
  }
  return undefined;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");

/** The table prints 32-bit words in the machine's byte order. */
function words(hex: string): Uint8Array {
  const bytes = Buffer.from(hex, "hex");
  return endianness() === "LE" && bytes.length % 4 === 0 ? bytes.swap32() : bytes;
}

/** The form that node:dgram prints: shortest, and plain IPv4 for a mapped address. */
function ipv6Address(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 16) return undefined;
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff) {
    return Array.from(bytes.subarray(12)).join(".");
  }
  return formatIpv6(bytes);
}

/** True for an address of this machine, and for a broadcast address of one of its networks (RFC 919). */
export function isOwnAddress(address: Uint8Array): boolean {
  for (const listed of Object.values(networkInterfaces()).flatMap((each) => each ?? [])) {
    const own = listed.cidr === null ? undefined : parsePrefix(listed.cidr);
    if (own === undefined) continue;
    if (addressKey(own.address) === addressKey(address) || isSubnetBroadcast(own, address)) return true;
  }
  return false;
}
