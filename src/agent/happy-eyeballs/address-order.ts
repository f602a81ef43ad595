/** The order of destination addresses (RFC 6724 §6), with the policy table a parameter. */

import {
  commonPrefix,
  isInPrefix,
  isLinkLocal,
  isLoopback,
  isMulticast,
  type Prefix,
  parsePrefix,
} from "../../ip/address.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";

export interface PolicyRow {
  readonly prefix: Prefix;
  readonly precedence: number;
  readonly label: number;
}

/** RFC 6724 §2.1. */
export const DEFAULT_POLICY: readonly PolicyRow[] = (
  [
    ["::1/128", 50, 0],
    ["::/0", 40, 1],
    ["::ffff:0:0/96", 35, 4],
    ["2002::/16", 30, 2],
    ["2001::/32", 5, 5],
    ["fc00::/7", 3, 13],
    ["::/96", 1, 3],
    ["fec0::/10", 1, 11],
    ["3ffe::/16", 1, 12],
  ] as const
).map(([prefix, precedence, label]) => ({ prefix: parsePrefix(prefix)!, precedence, label }));

const LOCALLY_ASSIGNED = parsePrefix("fd00::/8")!;
/** RFC 4193 §3: a global id is 40 bits, after the 8 that all have in common. */
const SITE_PREFIX = 48;

/**
 * The default table with rows for the unique local addresses of this site, which RFC 6724 §2.1 allows and
 * draft-ietf-6man-rfc6724-update §4.3 demands: in a network that has such addresses, they come before IPv4 and global ones.
 * `own` are the addresses of this machine.
 */
export function policyWith(own: readonly string[]): readonly PolicyRow[] {
  const sites = new Map<string, PolicyRow>();
  for (const address of own) {
    const bytes = parseIpAddress(address);
    if (bytes?.length !== 16 || !isInPrefix(LOCALLY_ASSIGNED, bytes)) continue;
    const prefix = { address: bytes.map((byte, i) => (i * 8 < SITE_PREFIX ? byte : 0)), length: SITE_PREFIX };
    sites.set(prefix.address.join(), { prefix, precedence: 45, label: 14 });
  }
  return sites.size === 0 ? DEFAULT_POLICY : [...DEFAULT_POLICY, ...sites.values()];
}

/** What is known about an address from earlier connections on this network. */
export interface AddressHistory {
  /** Milliseconds. */
  readonly rtt: number | undefined;
}

export interface AddressOrderOptions {
  readonly policy?: readonly PolicyRow[];
  /** The local address that the system would use, or undefined if there is no route. Without it, all are usable. */
  readonly sourceOf?: ((address: string) => string | undefined) | undefined;
  readonly historyOf?: ((address: string) => AddressHistory | undefined) | undefined;
}

interface Destination {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly isUnusable: boolean;
  readonly source: Uint8Array | undefined;
  readonly scope: number;
  readonly row: PolicyRow;
  readonly history: AddressHistory | undefined;
}

/**
 * Sorts addresses, the best first; equals keep their order. Rules 3, 4 and 7 need facts that only the system has (deprecated
 * and home addresses, tunnels). Rule 9 applies to IPv6 alone: in IPv4 it defeats the rotation of DNS answers.
 */
export function sortAddresses(addresses: readonly string[], options: AddressOrderOptions = {}): string[] {
  const { policy = DEFAULT_POLICY, sourceOf, historyOf } = options;
  const destinations = addresses.map((address): Destination => {
    const bytes = parseIpAddress(address)!;
    const source = sourceOf?.(address);
    return {
      address,
      bytes,
      isUnusable: sourceOf !== undefined && source === undefined,
      source: source === undefined ? undefined : parseIpAddress(source),
      scope: scopeOf(bytes),
      row: policyOf(bytes, policy),
      history: historyOf?.(address),
    };
  });
  return destinations.sort((a, b) => compare(a, b, policy)).map(({ address }) => address);
}

/** Negative if `a` is better. */
function compare(a: Destination, b: Destination, policy: readonly PolicyRow[]): number {
  return (
    // Rule 1: avoid unusable destinations.
    Number(a.isUnusable) - Number(b.isUnusable) ||
    // Rule 2: prefer matching scope.
    Number(hasMatchingScope(b)) - Number(hasMatchingScope(a)) ||
    // Rule 5: prefer matching label.
    Number(hasMatchingLabel(b, policy)) - Number(hasMatchingLabel(a, policy)) ||
    // Rule 6: prefer higher precedence.
    b.row.precedence - a.row.precedence ||
    // Rule 8: prefer smaller scope.
    a.scope - b.scope ||
    // RFC 8305 §4: between rules 8 and 9, the lower round-trip time, then an address that was used.
    compareHistory(a.history, b.history) ||
    // Rule 9: the longest prefix in common with the source.
    sharedBits(b, a) - sharedBits(a, b)
  );
}

function compareHistory(a: AddressHistory | undefined, b: AddressHistory | undefined): number {
  if (a?.rtt !== undefined && b?.rtt !== undefined && a.rtt !== b.rtt) return a.rtt - b.rtt;
  return Number(b !== undefined) - Number(a !== undefined);
}

const hasMatchingScope = ({ source, scope }: Destination): boolean => source !== undefined && scopeOf(source) === scope;

const hasMatchingLabel = ({ source, row }: Destination, policy: readonly PolicyRow[]): boolean =>
  source !== undefined && policyOf(source, policy).label === row.label;

/** Bits that a destination shares with its source, if both destinations are IPv6. */
function sharedBits({ bytes, source }: Destination, other: Destination): number {
  if (bytes.length !== 16 || other.bytes.length !== 16 || source?.length !== 16) return 0;
  return Math.min(commonPrefix(bytes, source), 64);
}

const LINK_LOCAL = 2;
const SITE_LOCAL = 5;
const GLOBAL = 14;
const SITE_LOCAL_PREFIX = parsePrefix("fec0::/10")!;

/** RFC 6724 §3.1, §3.2. */
function scopeOf(bytes: Uint8Array): number {
  if (bytes.length === 4) return isLinkLocal(bytes) || isLoopback(bytes) ? LINK_LOCAL : GLOBAL;
  if (isMulticast(bytes)) return bytes[1]! & 0xf;
  if (isLinkLocal(bytes) || isLoopback(bytes)) return LINK_LOCAL;
  return isInPrefix(SITE_LOCAL_PREFIX, bytes) ? SITE_LOCAL : GLOBAL;
}

const NO_ROW: PolicyRow = { prefix: parsePrefix("::/0")!, precedence: 0, label: -1 };

/** The row with the longest prefix. */
function policyOf(bytes: Uint8Array, policy: readonly PolicyRow[]): PolicyRow {
  const address = bytes.length === 16 ? bytes : mapped(bytes);
  let best: PolicyRow | undefined;
  for (const row of policy) {
    if (isInPrefix(row.prefix, address) && row.prefix.length > (best?.prefix.length ?? -1)) best = row;
  }
  return best ?? NO_ROW;
}

/** RFC 4291 §2.5.5.2. */
function mapped(ipv4: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, 12);
  bytes.set(ipv4, 12);
  return bytes;
}

/**
 * Alternates between the families (RFC 8305 §4): the first `count` addresses of the family that is first, one of the
 * other, and so on in turn; when one runs out, the rest of the other follows.
 */
export function interleave(sorted: readonly string[], count: number): string[] {
  const first = familyOf(sorted[0] ?? "");
  const preferred = sorted.filter((address) => familyOf(address) === first);
  const others = sorted.filter((address) => familyOf(address) !== first);
  const order = preferred.splice(0, Math.max(1, count));
  while (preferred.length > 0 || others.length > 0) order.push(...others.splice(0, 1), ...preferred.splice(0, 1));
  return order;
}

export const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);
