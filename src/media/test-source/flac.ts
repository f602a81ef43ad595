/** Sound as FLAC frames (RFC 9639) without compression: a constant value, or samples as they are. One channel, 48 kHz, 16 bits. */

import { concat } from "../../wire/text.ts";
import { emitFullBox } from "../bmff/index.ts";
import { BitWriter } from "./bit-writer.ts";

export const SAMPLE_RATE = 48_000;
/** Samples of a frame: 20 ms. */
export const BLOCK = 960;
export const BITS = 16;

/** The `dfLa` box: STREAMINFO alone (§8.2). */
export function flacConfiguration(): Uint8Array {
  const bits = new BitWriter();
  bits.write(0x80, 8); // the last metadata block, of type STREAMINFO
  bits.write(34, 24);
  bits.write(BLOCK, 16);
  bits.write(BLOCK, 16);
  bits.write(0, 24); // frame sizes are not known
  bits.write(0, 24);
  bits.write(SAMPLE_RATE, 20);
  bits.write(0, 3); // one channel
  bits.write(BITS - 1, 5);
  bits.write(0, 4); // the number of samples is not known, nor their checksum
  bits.append(new Uint8Array(4 + 16));
  return emitFullBox("dfLa", 0, 0, bits.finish());
}

/** A frame of `BLOCK` samples; `undefined` is silence. */
export function flacFrame(number: number, samples: Int16Array | undefined): Uint8Array {
  const head = new BitWriter();
  head.write(0xfff8, 16); // §9.1: sync code, blocks of one size
  head.write(0x7a, 8); // the size follows in 16 bits; 48 kHz
  head.write(0x08, 8); // one channel, 16 bits
  head.append(codedNumber(number));
  head.write(BLOCK - 1, 16);
  const header = head.finish();
  const body = new BitWriter();
  body.write(samples === undefined ? 0x00 : 0x02, 8); // §9.2.1: constant, verbatim
  for (const sample of samples ?? [0]) body.write(sample & 0xffff, BITS);
  const frame = concat(header, Uint8Array.of(crc(header, 8, 0x07)), body.finish());
  const checksum = crc(frame, 16, 0x8005);
  return concat(frame, Uint8Array.of(checksum >>> 8, checksum & 0xff));
}

/** §9.1.5: as UTF-8 does, with up to 31 bits. */
function codedNumber(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  let extra = 1;
  while (value >= 2 ** (extra * 5 + 6)) extra += 1;
  const bytes = new Uint8Array(extra + 1);
  let rest = value;
  for (let at = extra; at > 0; at -= 1) {
    bytes[at] = 0x80 | (rest & 0x3f);
    rest = Math.floor(rest / 64);
  }
  bytes[0] = ((0xff00 >>> (extra + 1)) & 0xff) | rest;
  return bytes;
}

/** Most significant bit first, from 0. */
function crc(bytes: Uint8Array, width: 8 | 16, polynomial: number): number {
  const top = 1 << (width - 1);
  const mask = (1 << width) - 1;
  let value = 0;
  for (const byte of bytes) {
    value ^= byte << (width - 8);
    for (let bit = 0; bit < 8; bit += 1) value = ((value & top) === 0 ? value << 1 : (value << 1) ^ polynomial) & mask;
  }
  return value;
}
