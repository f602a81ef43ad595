/**
 * Writes the representations of a field line (RFC 9204 §4.5.2-§4.5.6). Every function writes at `at` and returns the
 * end position. Indices are as on the wire: relative to the base, or post-base.
 */

import { writeInteger, writeString } from "./primitive-writer.ts";

/** RFC 9204 §4.5.2: 1, T for static, a 6-bit prefix. */
export const writeIndexed = (target: Uint8Array, at: number, isStatic: boolean, index: number): number =>
  writeInteger(target, at, isStatic ? 0xc0 : 0x80, 6, index);

/** RFC 9204 §4.5.3: 0001, a 4-bit prefix. */
export const writeIndexedPostBase = (target: Uint8Array, at: number, index: number): number =>
  writeInteger(target, at, 0x10, 4, index);

/** RFC 9204 §4.5.4: 01, N for never-indexed, T for static, a 4-bit prefix; then the value. */
export function writeWithNameReference(
  target: Uint8Array,
  at: number,
  isStatic: boolean,
  index: number,
  value: string,
  neverIndexed = false,
  huffman = true,
): number {
  const pattern = 0x40 | (neverIndexed ? 0x20 : 0) | (isStatic ? 0x10 : 0);
  return writeString(target, writeInteger(target, at, pattern, 4, index), 0, 7, value, huffman);
}

/** RFC 9204 §4.5.5: 0000, N, a 3-bit prefix; then the value. */
export function writeWithPostBaseNameReference(
  target: Uint8Array,
  at: number,
  index: number,
  value: string,
  neverIndexed = false,
  huffman = true,
): number {
  return writeString(target, writeInteger(target, at, neverIndexed ? 0x08 : 0, 3, index), 0, 7, value, huffman);
}

/** RFC 9204 §4.5.6: 001, N, H, a 3-bit prefix; then the value. */
export function writeWithLiteralName(
  target: Uint8Array,
  at: number,
  name: string,
  value: string,
  neverIndexed = false,
  huffman = true,
): number {
  const pattern = 0x20 | (neverIndexed ? 0x10 : 0);
  return writeString(target, writeString(target, at, pattern, 3, name, huffman), 0, 7, value, huffman);
}

/** The maximum overhead of a line besides its name and value: a length for each, and an index. */
export const LINE_OVERHEAD = 32;
