/**
 * The preferred addresses that a client follows. A server must not make its clients send to others that it cannot reach
 * itself (RFC 9000 §21.5.3, §21.5.6): services on the client's machine, or in its network.
 */

import type { SocketAddress } from "../../base/datagrams.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";

/** Chooses the address to move to; undefined to stay at the current one. */
export type ChoosePreferred = (
  preferred: readonly SocketAddress[],
  current: SocketAddress,
) => SocketAddress | undefined;

export const choosePreferred: ChoosePreferred = (preferred, current) =>
  preferred.find((address) => isUsable(address, current));

/** From the narrowest. */
const Scope = { none: 0, loopback: 1, linkLocal: 2, private: 3, global: 4 } as const;
type Scope = (typeof Scope)[keyof typeof Scope];

/** §9.6: only the family in use is known to work. §21.5.6: no address that reaches less far than the current one. */
export function isUsable(preferred: SocketAddress, current: SocketAddress): boolean {
  const scope = scopeOf(preferred.host);
  return preferred.family === current.family && scope !== Scope.none && scope >= scopeOf(current.host);
}

function scopeOf(host: string): Scope {
  const bytes = parseIpAddress(host);
  if (bytes === undefined) return Scope.none;
  if (bytes.length === 4) return scopeOfIpv4(bytes);
  // RFC 4291 §2.5.5.2: systems send such packets over IPv4.
  if (isMapped(bytes)) return scopeOfIpv4(bytes.subarray(12));
  return scopeOfIpv6(bytes);
}

/** RFC 6890: neither "this network", multicast nor broadcast; loopback, link-local and private addresses. */
function scopeOfIpv4([a, b]: Uint8Array): Scope {
  if (a === 0 || a! >= 224) return Scope.none;
  if (a === 127) return Scope.loopback;
  if (a === 169 && b === 254) return Scope.linkLocal;
  const isShared = a === 100 && b! >> 6 === 1;
  const isPrivate = a === 10 || (a === 172 && b! >> 4 === 1) || (a === 192 && b === 168);
  return isPrivate || isShared ? Scope.private : Scope.global;
}

/** RFC 4291 §2.4, RFC 4193. */
function scopeOfIpv6(bytes: Uint8Array): Scope {
  const [a, b] = bytes;
  if (a === 0xff) return Scope.none;
  // Includes the unspecified address and the former IPv4-compatible ones (RFC 4291 §2.5.5.1).
  if (startsWithZeros(bytes, 12)) return startsWithZeros(bytes, 15) && bytes[15] === 1 ? Scope.loopback : Scope.none;
  if (a === 0xfe && b! >> 6 === 2) return Scope.linkLocal;
  return a! >> 1 === 0x7e ? Scope.private : Scope.global;
}

const startsWithZeros = (bytes: Uint8Array, count: number): boolean =>
  bytes.subarray(0, count).every((byte) => byte === 0);
const isMapped = (bytes: Uint8Array): boolean => startsWithZeros(bytes, 10) && bytes[10] === 0xff && bytes[11] === 0xff;
