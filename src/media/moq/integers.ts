/**
 * The two kinds of integers: RFC 9000's in drafts up to 16, and since 17 those whose first byte begins with as many ones as
 * bytes follow (draft-ietf-moq-transport-18 §1.4.1). Both keep all their bits: 62, and 64.
 */

import { WireError } from "../../base/errors.ts";
import type { Reader } from "../../wire/reader.ts";
import { type VarInt, varintLength, wideInt } from "../../wire/varint.ts";

/** Takes bytes one by one. */
export interface ByteSink {
  uint8(value: number): void;
}

export interface Integers {
  /** Throws a `WireError` if the input ends early. */
  read(reader: Reader): VarInt;
  write(writer: ByteSink, value: VarInt): void;
  /** The largest number of bytes. */
  readonly maxLength: number;
}

export const QUIC_INTEGERS: Integers = {
  maxLength: 8,
  read: (reader) => reader.varintExact(),
  write(writer, value) {
    if (typeof value === "object" && value.high > 0x3fff_ffff) throw new RangeError("a number above 2^62-1");
    const length = varintLength(value);
    const { high, low } = halves(value);
    const prefix = { 1: 0, 2: 0x40, 4: 0x80, 8: 0xc0 }[length];
    writeHalves(writer, high, low, length, prefix);
  },
};

/** Values below this have one byte, those below its square two, and so on. */
const SEVEN_BITS = 128;

export const MOQ_INTEGERS: Integers = {
  maxLength: 9,
  read(reader) {
    const first = reader.uint8();
    if (first < 0x80) return first;
    const extra = Math.clz32(~(first << 24));
    // The bits of the first byte after its ones and a zero: none from seven extra bytes on.
    let value = extra >= 7 ? 0 : first & (0x7f >>> extra);
    const start = reader.position;
    for (let i = 0; i < extra; i += 1) value = value * 256 + reader.uint8();
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    // Eight bytes, or seven.
    reader.position = start;
    const high = extra === 7 ? reader.uint24() : reader.uint32();
    return wideInt(high, reader.uint32());
  },
  write(writer, value) {
    const { high, low } = halves(value);
    let length = 9;
    if (typeof value === "number") {
      length = 1;
      for (let limit = SEVEN_BITS; length < 8 && value >= limit; limit *= SEVEN_BITS) length += 1;
    } else if (high < 0x100_0000) {
      length = 8;
    }
    if (length === 9) {
      writer.uint8(0xff);
      writeHalves(writer, high, low, 8, 0);
      return;
    }
    writeHalves(writer, high, low, length, 0xff & ~(0xff >>> (length - 1)));
  },
};

const halves = (value: VarInt): { high: number; low: number } =>
  typeof value === "object" ? value : { high: Math.floor(value / 0x1_0000_0000), low: value >>> 0 };

/** The last `length` bytes of a number of 64 bits, with `prefix` set in the first one. */
function writeHalves(writer: ByteSink, high: number, low: number, length: number, prefix: number): void {
  for (let at = length - 1; at >= 0; at -= 1) {
    const byte = at >= 4 ? high >>> ((at - 4) * 8) : low >>> (at * 8);
    writer.uint8((byte & 0xff) | (at === length - 1 ? prefix : 0));
  }
}

/** A length, a group, an object or a time: exact up to 2^53-1, and refused above. */
export function readNumber(integers: Integers, reader: Reader): number {
  const at = reader.position;
  const value = integers.read(reader);
  if (typeof value === "number") return value;
  // deviation: drafts allow 62 or 64 bits; nothing that counts gets there.
  throw new WireError("a number above 2^53-1", at);
}

/** A code: all above 2^53-1 become that number, which is none that is known. */
export function readCode(integers: Integers, reader: Reader): number {
  const value = integers.read(reader);
  return typeof value === "number" ? value : Number.MAX_SAFE_INTEGER;
}
