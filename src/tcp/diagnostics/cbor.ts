/** The little CBOR (RFC 8949) that the payload needs: unsigned integers, text strings, and a map of these. */

import { fromUtf8, utf8 } from "../../wire/text.ts";

const MAX_PAIRS = 16;
const Major = { unsigned: 0, text: 3, map: 5 } as const;

export function emitUnsigned(value: number, major = 0): number[] {
  const kind = major << 5;
  if (value < 24) return [kind | value];
  if (value < 0x100) return [kind | 24, value];
  if (value < 0x1_0000) return [kind | 25, value >>> 8, value & 0xff];
  return [kind | 26, (value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** At most `max` bytes, cut between characters. */
export function emitText(text: string, max: number): number[] {
  let bytes = utf8(text);
  for (let shorter = text; bytes.length > max; bytes = utf8(shorter)) shorter = shorter.slice(0, -1);
  return [...emitUnsigned(bytes.length, Major.text), ...bytes];
}

export class CborReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** A map that ends where the bytes end; undefined if they are anything else. */
  soleMap(): [key: number | string, value: number | string][] | undefined {
    const count = this.#argument(Major.map);
    if (count === undefined || count > MAX_PAIRS) return undefined;
    const pairs: [number | string, number | string][] = [];
    const keys = new Set<number | string>();
    for (let i = 0; i < count; i += 1) {
      const key = this.#item();
      const value = this.#item();
      // RFC 8949 §5.6: a key that repeats makes the map invalid.
      if (key === undefined || value === undefined || keys.has(key)) return undefined;
      keys.add(key);
      pairs.push([key, value]);
    }
    return this.#at === this.#bytes.length ? pairs : undefined;
  }

  #item(): number | string | undefined {
    if (this.#bytes[this.#at]! >> 5 !== Major.text) return this.#argument(Major.unsigned);
    const length = this.#argument(Major.text);
    if (length === undefined || this.#at + length > this.#bytes.length) return undefined;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    const text = fromUtf8(bytes);
    // U+FFFD in the text but not in the bytes: malformed UTF-8.
    return utf8(text).length === bytes.length && utf8(text).every((byte, i) => byte === bytes[i]) ? text : undefined;
  }

  /** The number in the head of an item of a major type; indefinite lengths and 64 bits are not supported. */
  #argument(major: number): number | undefined {
    const head = this.#bytes[this.#at];
    if (head === undefined || head >> 5 !== major) return undefined;
    const info = head & 0x1f;
    const size = info < 24 ? 0 : info <= 26 ? 1 << (info - 24) : undefined;
    if (size === undefined || this.#at + 1 + size > this.#bytes.length) return undefined;
    let value = size === 0 ? info : 0;
    for (let i = 1; i <= size; i += 1) value = value * 256 + this.#bytes[this.#at + i]!;
    this.#at += 1 + size;
    return value;
  }
}
