/** Writes DER (X.690), as far as certificates need it. Each function returns one complete value. */

import { isIP } from "node:net";
import { Tag } from "../../crypto/index.ts";
import { concat, utf8 } from "../../wire/text.ts";

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concat(...contents);
  const { length } = body;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x1_0000
          ? [tag, 0x82, length >>> 8, length]
          : [tag, 0x83, length >>> 16, length >>> 8, length];
  return concat(Uint8Array.from(header), body);
}

export const sequence = (...values: readonly Uint8Array[]): Uint8Array => der(Tag.sequence, ...values);
export const set = (...values: readonly Uint8Array[]): Uint8Array => der(Tag.set, ...values);
export const octetString = (...contents: readonly Uint8Array[]): Uint8Array => der(Tag.octetString, ...contents);
export const boolean = (value: boolean): Uint8Array => der(Tag.boolean, Uint8Array.of(value ? 0xff : 0));
export const nullValue = (): Uint8Array => der(Tag.null);

/** Big-endian bytes as a positive INTEGER. */
export function unsigned(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  return digits[0]! >= 0x80 ? der(Tag.integer, Uint8Array.of(0), digits) : der(Tag.integer, digits);
}

export const integer = (value: number): Uint8Array =>
  unsigned(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));

/** Dotted decimal. */
export function oid(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first! * 40 + second!, ...rest]) {
    const digits = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return der(Tag.oid, Uint8Array.from(bytes));
}

export const bitString = (bytes: Uint8Array, unusedBits = 0): Uint8Array =>
  der(Tag.bitString, Uint8Array.of(unusedBits), bytes);

/** A BIT STRING of flags, bit 0 first, without trailing zeros (X.690 §11.2.2). */
export function flags(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const bytes = new Uint8Array(Math.floor(last / 8) + 1);
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >>> (bit & 7);
  return bitString(bytes, last < 0 ? 0 : 7 - (last & 7));
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
export function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? der(Tag.utcTime, utf8(digits.slice(2)))
    : der(Tag.generalizedTime, utf8(digits));
}

/** A Name that consists of one common name. */
export const commonName = (name: string): Uint8Array =>
  sequence(set(sequence(oid("2.5.4.3"), der(Tag.utf8String, utf8(name)))));

/** The bytes of an IPv4 or IPv6 literal as in a certificate; undefined for anything else. */
export function addressBytes(literal: string): Uint8Array | undefined {
  if (isIP(literal) === 4) return Uint8Array.from(literal.split("."), Number);
  if (isIP(literal) !== 6) return undefined;
  const withoutZone = literal.split("%")[0]!;
  // A trailing dotted quad is two groups.
  const hex = withoutZone.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(":"),
  );
  const [head = "", tail] = hex.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >>> 8, group & 0xff]));
}
