/** The source address for a destination, by the rules of RFC 6724 §5 that apply without mobility and privacy addresses. */

import { commonPrefix, isLinkLocal, isLoopback, isMulticast, type Prefix } from "./address.ts";

/** RFC 6724 §2.1, §3.1: values of the multicast scope field. */
const SCOPE = { linkLocal: 2, siteLocal: 5, global: 14 } as const;

function scopeOf(address: Uint8Array): number {
  if (isMulticast(address)) return address.length === 16 ? address[1]! & 0x0f : SCOPE.global;
  if (isLinkLocal(address) || isLoopback(address)) return SCOPE.linkLocal;
  return address[0] === 0xfe && (address[1]! & 0xc0) === 0xc0 && address.length === 16 ? SCOPE.siteLocal : SCOPE.global;
}

/** RFC 6724 §2.1, the default policy table's labels, for the prefixes that hosts meet. */
function labelOf(address: Uint8Array): number {
  if (address.length === 4) return 4;
  if (isLoopback(address)) return 0;
  if (address[0] === 0x20 && address[1] === 0x02) return 2;
  if (address[0] === 0x20 && address[1] === 0x01 && address[2] === 0 && address[3] === 0) return 5;
  if ((address[0]! & 0xfe) === 0xfc) return 13;
  return 1;
}

/** Negative if `a` is better. */
function compare(a: Prefix, b: Prefix, destination: Uint8Array): number {
  // Rule 2: an appropriate scope.
  const [scopeA, scopeB, scope] = [scopeOf(a.address), scopeOf(b.address), scopeOf(destination)];
  if (scopeA !== scopeB) {
    const smaller = scopeA < scopeB ? -1 : 1;
    return Math.min(scopeA, scopeB) < scope ? -smaller : smaller;
  }
  // Rule 6: a matching label.
  const label = labelOf(destination);
  const [matchesA, matchesB] = [labelOf(a.address) === label, labelOf(b.address) === label];
  if (matchesA !== matchesB) return matchesA ? -1 : 1;
  // Rule 8: the longest matching prefix, up to the length of the source's own.
  const shared = ({ address, length }: Prefix): number => Math.min(length, commonPrefix(address, destination));
  return shared(b) - shared(a);
}

/** The best of the candidates of the outgoing interface (rule 5); undefined if there are none of the right version. */
export function selectSource(candidates: readonly Prefix[], destination: Uint8Array): Uint8Array | undefined {
  let best: Prefix | undefined;
  for (const candidate of candidates) {
    if (candidate.address.length !== destination.length) continue;
    // Rule 1: the destination itself.
    if (commonPrefix(candidate.address, destination) === destination.length * 8) return candidate.address;
    if (best === undefined || compare(candidate, best, destination) < 0) best = candidate;
  }
  return best?.address;
}
