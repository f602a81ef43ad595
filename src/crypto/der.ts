/** Reads DER (X.690): the tag-length-value encoding of keys and certificates. */

/** Identifier octets of the universal types used in keys and certificates. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of the context-specific tag [number]. */
export const contextTag = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) | number;

/** Lengths of up to three octets: more than any key or certificate needs. */
const MAX_LENGTH_OCTETS = 3;

/** Reads values one after another. Returns undefined for anything that is not DER or not the expected type. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The identifier octet of the next value. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The contents of the next value if it has this tag. A view, not a copy. */
  take(tag: number): Uint8Array | undefined {
    return this.nextTag === tag ? this.#next()?.contents : undefined;
  }

  /** The next value with its tag and length, if it has this tag. */
  takeWhole(tag: number): Uint8Array | undefined {
    return this.nextTag === tag ? this.#next()?.whole : undefined;
  }

  #next(): { readonly contents: Uint8Array; readonly whole: Uint8Array } | undefined {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start + 1;
    let length = bytes[at++];
    // The indefinite form is not DER (X.690 §10.1).
    if (length === undefined || length === 0x80) return undefined;
    if (length > 0x80) {
      const octets = length - 0x80;
      if (octets > MAX_LENGTH_OCTETS || at + octets > bytes.length || bytes[at] === 0) return undefined;
      length = 0;
      for (let i = 0; i < octets; i += 1) length = (length << 8) | bytes[at++]!;
      // The shortest form (X.690 §10.1).
      if (length < 0x80) return undefined;
    }
    const end = at + length;
    if (end > bytes.length) return undefined;
    this.#at = end;
    return { contents: bytes.subarray(at, end), whole: bytes.subarray(start, end) };
  }

  /** A reader over the contents of the next value if it has this tag. */
  enter(tag: number): DerReader | undefined {
    const contents = this.take(tag);
    return contents === undefined ? undefined : new DerReader(contents);
  }

  /** A positive INTEGER, without the leading zero byte that marks it positive. */
  unsigned(): Uint8Array | undefined {
    const contents = this.take(Tag.integer);
    if (contents === undefined || contents.length === 0 || contents[0]! >= 0x80) return undefined;
    if (contents[0] !== 0) return contents;
    // No redundant leading zero (X.690 §8.3.2).
    return contents.length > 1 && contents[1]! >= 0x80 ? contents.subarray(1) : undefined;
  }

  /** A BIT STRING of whole bytes, as in keys and signatures. */
  bitString(): Uint8Array | undefined {
    const contents = this.take(Tag.bitString);
    return contents?.[0] === 0 ? contents.subarray(1) : undefined;
  }
}
