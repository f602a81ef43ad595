/** Kinds of addresses and prefixes. Addresses are four or sixteen bytes; a prefix is an address and a number of bits. */

import { parseIpAddress } from "../wire/ip-address.ts";

export interface Prefix {
  readonly address: Uint8Array;
  readonly length: number;
}

export const UNSPECIFIED_V6 = new Uint8Array(16);
const LIMITED_BROADCAST = 0xffff_ffff;

export const isUnspecified = (address: Uint8Array): boolean => address.every((byte) => byte === 0);

/** RFC 5771, RFC 4291 §2.7. */
export const isMulticast = (address: Uint8Array): boolean =>
  address.length === 4 ? (address[0]! & 0xf0) === 0xe0 : address[0] === 0xff;

/** RFC 4291 §2.5.6, RFC 3927. */
export const isLinkLocal = (address: Uint8Array): boolean =>
  address.length === 4
    ? address[0] === 169 && address[1] === 254
    : address[0] === 0xfe && (address[1]! & 0xc0) === 0x80;

export const isLoopback = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] === 127 : address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);

export const isLimitedBroadcast = (address: Uint8Array): boolean =>
  address.length === 4 && address.every((byte) => byte === 0xff);

/** The address of all hosts of an IPv4 subnet (RFC 919). */
export const isSubnetBroadcast = ({ address, length }: Prefix, candidate: Uint8Array): boolean => {
  if (candidate.length !== 4 || address.length !== 4 || length >= 31) return false;
  const word = (bytes: Uint8Array): number =>
    ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  const hosts = LIMITED_BROADCAST >>> length;
  return word(candidate) === (word(address) | hosts) >>> 0;
};

/** The number of leading bits that two addresses of one version share. */
export function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i += 1) {
    const difference = a[i]! ^ b[i]!;
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return a.length * 8;
}

export const isInPrefix = ({ address, length }: Prefix, candidate: Uint8Array): boolean =>
  address.length === candidate.length && commonPrefix(address, candidate) >= length;

/** Reads `10.0.0.2/24`; without a length, the address alone. Undefined if malformed. */
export function parsePrefix(text: string): Prefix | undefined {
  const [host = "", bits, rest] = text.split("/");
  const address = parseIpAddress(host);
  if (address === undefined || rest !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const length = bits === undefined ? address.length * 8 : Number(bits);
  return length > address.length * 8 ? undefined : { address, length };
}

/** RFC 4291 §2.7.1: the group in which the owner of a unicast address listens for solicitations. */
export function solicitedNode(address: Uint8Array): Uint8Array {
  const group = new Uint8Array(16);
  group.set([0xff, 0x02]);
  group.set([0x01, 0xff], 11);
  group.set(address.subarray(13), 13);
  return group;
}
