/**
 * Writes the instructions of the encoder and decoder streams (RFC 9204 §4.3, §4.4). Every function writes at `at` and
 * returns the end position.
 */

import { writeInteger, writeString } from "./primitive-writer.ts";

// The encoder stream: one function per instruction, with its leading bits.

/** RFC 9204 §4.3.1: 001, a 5-bit prefix. */
export const writeSetCapacity = (target: Uint8Array, at: number, capacity: number): number =>
  writeInteger(target, at, 0x20, 5, capacity);

/** RFC 9204 §4.3.2: 1, T for static, a 6-bit prefix; then the value. */
export function writeInsertWithNameReference(
  target: Uint8Array,
  at: number,
  isStatic: boolean,
  index: number,
  value: string,
  huffman = true,
): number {
  return writeString(target, writeInteger(target, at, isStatic ? 0xc0 : 0x80, 6, index), 0, 7, value, huffman);
}

/** RFC 9204 §4.3.3: 01, H, a 5-bit prefix; then the value. */
export function writeInsertWithLiteralName(
  target: Uint8Array,
  at: number,
  name: string,
  value: string,
  huffman = true,
): number {
  return writeString(target, writeString(target, at, 0x40, 5, name, huffman), 0, 7, value, huffman);
}

/** RFC 9204 §4.3.4: 000, a 5-bit prefix. */
export const writeDuplicate = (target: Uint8Array, at: number, relativeIndex: number): number =>
  writeInteger(target, at, 0, 5, relativeIndex);

// The decoder stream.

/** RFC 9204 §4.4.1: 1, a 7-bit prefix. */
export const writeSectionAcknowledgment = (target: Uint8Array, at: number, streamId: number): number =>
  writeInteger(target, at, 0x80, 7, streamId);

/** RFC 9204 §4.4.2: 01, a 6-bit prefix. */
export const writeStreamCancellation = (target: Uint8Array, at: number, streamId: number): number =>
  writeInteger(target, at, 0x40, 6, streamId);

/** RFC 9204 §4.4.3: 00, a 6-bit prefix. */
export const writeInsertCountIncrement = (target: Uint8Array, at: number, increment: number): number =>
  writeInteger(target, at, 0, 6, increment);
