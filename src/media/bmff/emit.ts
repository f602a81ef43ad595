/** Boxes as bytes. */

import { concat, latin1 } from "../../wire/text.ts";
import { BOX_HEADER } from "./box.ts";

/** Numbers as four bytes each. */
export function uint32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  values.forEach((value, index) => {
    setUint32(bytes, index * 4, value);
  });
  return bytes;
}

/** A number up to 2^53-1 as eight bytes. */
export function uint64(value: number): Uint8Array {
  return uint32(Math.floor(value / 0x1_0000_0000), value % 0x1_0000_0000);
}

/** Numbers as two bytes each. */
export function uint16(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >>> 8, value & 0xff]));
}

export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A box of a type of four characters. */
export function emitBox(type: string, ...body: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(new Uint8Array(BOX_HEADER), ...body);
  setUint32(bytes, 0, bytes.length);
  bytes.set(latin1(type), 4);
  return bytes;
}

/** A box that begins with a version and flags. */
export function emitFullBox(type: string, version: number, flags: number, ...body: readonly Uint8Array[]): Uint8Array {
  return emitBox(type, uint32(((version << 24) | flags) >>> 0), ...body);
}

/** A segment type, which ffmpeg's MP4 muxer never writes: a media segment with an index or without, CMAF. */
export const STYP: Uint8Array = emitBox("styp", latin1("msdh"), uint32(0), latin1("msdhmsixcmfc"));
