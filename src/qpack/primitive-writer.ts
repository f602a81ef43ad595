/** Writes the QPACK primitives: prefixed integers and string literals (RFC 9204 §4.1). */

import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { writeLatin1 } from "./latin1.ts";

/** An upper bound for any integer that we send. */
export const MAX_INTEGER_LENGTH = 10;

/** Writes `value` with a `prefix` of bits and the `pattern` above it, and returns the end position. */
export function writeInteger(target: Uint8Array, at: number, pattern: number, prefix: number, value: number): number {
  const full = (1 << prefix) - 1;
  if (value < full) {
    target[at] = pattern | value;
    return at + 1;
  }
  let position = at;
  target[position++] = pattern | full;
  let rest = value - full;
  while (rest >= 0x80) {
    target[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[position++] = rest;
  return position;
}

/**
 * Writes a text in the shorter form; its length has a `prefix` of bits, with the Huffman bit above it. Returns the end
 * position, at most the text's length plus `MAX_INTEGER_LENGTH` later.
 */
export function writeString(
  target: Uint8Array,
  at: number,
  pattern: number,
  prefix: number,
  text: string,
  huffman = true,
): number {
  const coded = huffman ? huffmanLength(text) : text.length;
  if (coded < text.length) {
    return encodeHuffman(text, target, writeInteger(target, at, pattern | (1 << prefix), prefix, coded));
  }
  return writeLatin1(text, target, writeInteger(target, at, pattern, prefix, text.length));
}
