/** Ethernet addresses as 48-bit integers, which compare with `===` and serve as keys. */

import { type Rng, randomBytes } from "../base/rng.ts";

declare const macBrand: unique symbol;
export type MacAddress = number & { readonly [macBrand]: true };

const LOW = 0x1_0000_0000;
const GROUP_BIT = 2 ** 40;

export const BROADCAST_MAC = 0xffff_ffff_ffff as MacAddress;
export const NO_MAC = 0 as MacAddress;

export const readMac = (bytes: Uint8Array, at: number): MacAddress =>
  (((bytes[at]! << 8) | bytes[at + 1]!) * LOW +
    (((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0)) as MacAddress;

export function writeMac(bytes: Uint8Array, at: number, mac: MacAddress): void {
  const high = Math.floor(mac / LOW);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  bytes[at + 2] = mac / 0x100_0000;
  bytes[at + 3] = mac / 0x1_0000;
  bytes[at + 4] = mac / 0x100;
  bytes[at + 5] = mac;
}

/** False for group addresses and for zero. */
export const isUnicastMac = (mac: MacAddress): boolean => mac !== NO_MAC && Math.floor(mac / GROUP_BIT) % 2 === 0;

export function formatMac(mac: MacAddress): string {
  return mac
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?!$)/g, "$&:");
}

/** Undefined if the text is not six bytes in hexadecimal, separated by colons or hyphens. */
export function parseMac(text: string): MacAddress | undefined {
  if (!/^(?:[\da-f]{1,2}[:-]){5}[\da-f]{1,2}$/i.test(text)) return undefined;
  return text.split(/[:-]/).reduce((mac, byte) => mac * 256 + Number.parseInt(byte, 16), 0) as MacAddress;
}

/** A unicast address from the locally administered range (IEEE 802, second bit of the first byte). */
export function randomMac(rng: Rng): MacAddress {
  const bytes = randomBytes(rng, 6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return readMac(bytes, 0);
}
