/** Addresses behind NAT64: discovery of the prefix (RFC 7050), and addresses in it (RFC 6052). */

import { isInPrefix, type Prefix, parsePrefix } from "../../ip/address.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";

/** RFC 7050 §3: the name whose AAAA records exist only behind DNS64. */
export const IPV4_ONLY_NAME = "ipv4only.arpa.";

/** RFC 7050 §8.2: the addresses that the name has. */
const WELL_KNOWN = ["192.0.0.170", "192.0.0.171"].map((address) => parseIpAddress(address)!);

/** RFC 6052 §2.2. */
const LENGTHS = [96, 64, 56, 48, 40, 32] as const;

/** RFC 6052 §2.2: the bytes of the IPv4 address, which skip bits 64 to 71. */
function positionsAfter(length: number): number[] {
  const positions: number[] = [];
  for (let at = length / 8; positions.length < 4; at += 1) if (at !== 8) positions.push(at);
  return positions;
}

/** The prefix in the AAAA records of `ipv4only.arpa`; undefined without NAT64. */
export function nat64PrefixOf(addresses: readonly string[]): Prefix | undefined {
  for (const text of addresses) {
    const bytes = parseIpAddress(text);
    if (bytes?.length !== 16) continue;
    for (const length of LENGTHS) {
      const inside = positionsAfter(length).map((at) => bytes[at]!);
      // RFC 7050 §3: only where the address is embedded, the other bits of the suffix being zero.
      if (!WELL_KNOWN.some((known) => known.every((byte, i) => byte === inside[i]))) continue;
      const address = new Uint8Array(16);
      address.set(bytes.subarray(0, length / 8));
      return { address, length };
    }
  }
  return undefined;
}

/** Addresses that mean this machine or this link, wherever they are. */
const NEVER_SYNTHESIZED = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "255.255.255.255/32"].map(
  (prefix) => parsePrefix(prefix)!,
);

/** The IPv6 address that reaches an IPv4 address through NAT64. */
export function synthesize(ipv4: string, prefix: Prefix): string | undefined {
  const inside = parseIpAddress(ipv4);
  if (inside?.length !== 4 || NEVER_SYNTHESIZED.some((each) => isInPrefix(each, inside))) return undefined;
  const bytes = prefix.address.slice();
  for (const [i, at] of positionsAfter(prefix.length).entries()) bytes[at] = inside[i]!;
  return formatIpAddress(bytes);
}

/** The IPv4 address inside an address of the prefix. */
export function desynthesize(ipv6: string, prefix: Prefix): string | undefined {
  const bytes = parseIpAddress(ipv6);
  if (bytes?.length !== 16 || !isInPrefix(prefix, bytes)) return undefined;
  return formatIpAddress(Uint8Array.from(positionsAfter(prefix.length), (at) => bytes[at]!));
}
