/**
 * The presentation language of TLS messages (RFC 8446 §3): fixed-size integers, and length-prefixed vectors. Handshake
 * messages are few and small, so emitting joins small arrays instead of filling a buffer.
 */

import { WireError } from "../../base/errors.ts";
import type { Reader } from "../../wire/reader.ts";

export const uint8 = (value: number): Uint8Array => integer(value, 1);
export const uint16 = (value: number): Uint8Array => integer(value, 2);
export const uint24 = (value: number): Uint8Array => integer(value, 3);
export const uint32 = (value: number): Uint8Array => integer(value, 4);

/** `Uint8Array.of` would cost several times as much. */
function integer(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = size - 1, rest = value; i >= 0; i -= 1, rest >>>= 8) bytes[i] = rest;
  return bytes;
}

/** `opaque x<0..2^8-1>`; longer contents are a bug of the caller. */
export const vector8 = (...parts: readonly Uint8Array[]): Uint8Array => prefixed(0, 0, 1, parts);
/** `opaque x<0..2^16-1>` */
export const vector16 = (...parts: readonly Uint8Array[]): Uint8Array => prefixed(0, 0, 2, parts);
/** `opaque x<0..2^24-1>` */
export const vector24 = (...parts: readonly Uint8Array[]): Uint8Array => prefixed(0, 0, 3, parts);
/** A one-byte type, then `opaque x<0..2^24-1>`: a handshake message. */
export const typedVector24 = (type: number, ...parts: readonly Uint8Array[]): Uint8Array => prefixed(1, type, 3, parts);
/** A two-byte type, then `opaque x<0..2^16-1>`: an extension. */
export const typedVector16 = (type: number, ...parts: readonly Uint8Array[]): Uint8Array => prefixed(2, type, 2, parts);

/** A type and the length of the parts, each as an integer of so many bytes, then the parts. */
function prefixed(typeSize: number, type: number, size: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const limit = 2 ** (8 * size) - 1;
  if (length > limit) throw new RangeError(`${length} bytes in a vector of at most ${limit}`);
  const bytes = new Uint8Array(typeSize + size + length);
  for (let i = 0; i < typeSize; i += 1) bytes[i] = type >>> (8 * (typeSize - 1 - i));
  for (let i = 0; i < size; i += 1) bytes[typeSize + i] = length >>> (8 * (size - 1 - i));
  let at = typeSize + size;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The contents of a vector with an 8-bit length of `min` to `max` bytes. */
export const readVector8 = (reader: Reader, min = 0, max = 0xff): Reader => vector(reader, reader.uint8(), min, max);
/** The contents of a vector with a 16-bit length. */
export const readVector16 = (reader: Reader, min = 0): Reader => vector(reader, reader.uint16(), min, 0xffff);
/** The contents of a vector with a 24-bit length. */
export const readVector24 = (reader: Reader, min = 0): Reader => vector(reader, reader.uint24(), min, 0xffffff);

function vector(reader: Reader, length: number, min: number, max: number): Reader {
  if (length < min || length > max) {
    throw new WireError(`a vector of ${length} bytes instead of ${min} to ${max}`, reader.position);
  }
  return reader.sub(length);
}

/** Reads elements up to the end of `reader`. */
export function readList<T>(reader: Reader, element: (reader: Reader) => T): T[] {
  const list: T[] = [];
  while (!reader.isAtEnd) list.push(element(reader));
  return list;
}

export const readUint16 = (reader: Reader): number => reader.uint16();

/** A structure must fill its bounds exactly (RFC 8446 §6.2, decode_error). */
export function expectEnd(reader: Reader): void {
  if (!reader.isAtEnd) throw new WireError(`${reader.remaining} bytes left over`, reader.position);
}
