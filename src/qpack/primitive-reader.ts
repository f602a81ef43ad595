/**
 * Reads the QPACK primitives: prefixed integers and string literals (RFC 9204 §4.1). Serves both field sections, where
 * a missing byte is an error, and streams, where it means "later".
 */

import { decodeHuffman } from "./huffman.ts";
import { latin1Text } from "./latin1.ts";

/** Reasons for failure. Negative, so that one comparison detects them. */
export const INCOMPLETE = -1;
export const INTEGER_TOO_LARGE = -2;
export const STRING_TOO_LONG = -3;
export const BAD_HUFFMAN = -4;

/** A reason as text. */
export function problemText(problem: number): string {
  switch (problem) {
    case INCOMPLETE:
      return "ends early";
    case INTEGER_TOO_LARGE:
      return "integer too large";
    case STRING_TOO_LONG:
      return "string too long";
    default:
      return "bad Huffman code";
  }
}

/** RFC 9204 §4.1.1 requires 62 bits. Ten bytes hold them with any prefix; longer encodings only add zeros. */
const MAX_INTEGER_BYTES = 10;

const NOTHING = new Uint8Array(0);

export class PrimitiveReader {
  bytes: Uint8Array = NOTHING;
  position = 0;
  end = 0;
  /** The reason why the last `string` returned undefined. */
  problem: number = INCOMPLETE;

  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Drops the bytes, which would otherwise live as long as the reader. */
  release(): void {
    this.bytes = NOTHING;
    this.position = this.end = 0;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  /**
   * Reads an integer with a `prefix` of bits in its first byte. Returns a negative reason on failure. Above 2^53 the
   * value is the nearest double, which still compares correctly with every limit.
   */
  integer(prefix: number): number {
    const { bytes, end } = this;
    let at = this.position;
    if (at >= end) return INCOMPLETE;
    const full = (1 << prefix) - 1;
    const first = bytes[at++]! & full;
    if (first < full) {
      this.position = at;
      return first;
    }
    // Four groups are 28 bits. Further groups go into a second sum, so that 2^62 and 2^62-1 differ.
    let low = first;
    let high = 0;
    for (let group = 0; group < MAX_INTEGER_BYTES - 1; group += 1) {
      if (at >= end) return INCOMPLETE;
      const byte = bytes[at++]!;
      if (group < 4) low += (byte & 0x7f) << (7 * group);
      else high += (byte & 0x7f) * 2 ** (7 * (group - 4));
      if (byte >= 0x80) continue;
      this.position = at;
      if (high === 0) return low;
      const carried = high + Math.floor(low / 2 ** 28);
      return carried >= 2 ** 34 ? INTEGER_TOO_LARGE : high * 2 ** 28 + low;
    }
    return INTEGER_TOO_LARGE;
  }

  /**
   * Reads a string whose length has a `prefix` of bits, with the Huffman bit above it. Returns undefined on failure;
   * `problem` has the reason. `maxBytes` limits the encoded length.
   */
  string(prefix: number, maxBytes: number): string | undefined {
    const huffman = this.position < this.end && ((this.bytes[this.position]! >>> prefix) & 1) === 1;
    const length = this.integer(prefix);
    if (length < 0) return this.#fail(length);
    if (length > maxBytes) return this.#fail(STRING_TOO_LONG);
    const start = this.position;
    if (length > this.end - start) return this.#fail(INCOMPLETE);
    this.position = start + length;
    if (!huffman) return latin1Text(this.bytes, start, this.position);
    return decodeHuffman(this.bytes, start, this.position) ?? this.#fail(BAD_HUFFMAN);
  }

  #fail(problem: number): undefined {
    this.problem = problem;
    return undefined;
  }
}
