/**
 * Cuts a stream of bytes into top-level boxes. Keeps at most one unfinished box, and only of the types that a live stream
 * needs; others pass by without being kept, whatever their size.
 */

import { Reader } from "../../wire/reader.ts";
import { fromLatin1 } from "../../wire/text.ts";
import { BOX_HEADER, readUint64 } from "./box.ts";
import { BmffError } from "./errors.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** A header with a 64-bit size. */
const LARGE_HEADER = 16;
const FIRST_CAPACITY = 4 * KIBIBYTE;

/** The largest size of each box in bytes, header included. */
export interface BmffLimits {
  /** `moov`, 4 MiB by default. */
  readonly maxInit?: number;
  /** `moof`, 1 MiB by default. */
  readonly maxFragmentHeader?: number;
  /** `mdat`, 16 MiB by default. A larger one is skipped, not refused. */
  readonly maxFragmentData?: number;
  /** `ftyp`, `styp`, `emsg`, `prft`: 64 KiB by default. Larger ones are skipped. */
  readonly maxSmallBox?: number;
}

export interface BmffReaderOptions extends BmffLimits {
  /** A complete box with its header. The bytes belong to the receiver. `offset` is where it began in the stream. */
  readonly onBox: (type: string, bytes: Uint8Array, offset: number) => void;
  /** A box that is not kept: unknown, or larger than its limit. Called when it begins. */
  readonly onSkip: (type: string, size: number) => void;
}

interface Rule {
  readonly limit: number;
  /** True if the stream is useless without it. */
  readonly isRequired: boolean;
}

/** Push bytes; `onBox` gets each complete box of a type that live media needs. */
export class BmffReader {
  readonly #rules: ReadonlyMap<string, Rule>;
  readonly #options: BmffReaderOptions;
  readonly #header = new Uint8Array(LARGE_HEADER);
  #headerLength = 0;
  /** The box that is being kept, in a buffer that grows with what arrives. */
  #box: Uint8Array = new Uint8Array(0);
  #type = "";
  #size = 0;
  #filled = 0;
  #isKept = false;
  #offset = 0;
  #error: BmffError | undefined;

  constructor(options: BmffReaderOptions) {
    this.#options = options;
    const small: Rule = { limit: options.maxSmallBox ?? 64 * KIBIBYTE, isRequired: false };
    this.#rules = new Map([
      ["ftyp", small],
      ["styp", small],
      ["emsg", small],
      ["prft", small],
      ["moov", { limit: options.maxInit ?? 4 * MEBIBYTE, isRequired: true }],
      ["moof", { limit: options.maxFragmentHeader ?? MEBIBYTE, isRequired: true }],
      ["mdat", { limit: options.maxFragmentData ?? 16 * MEBIBYTE, isRequired: false }],
    ]);
  }

  /** Bytes that are kept: less than the limit of one box. */
  get held(): number {
    return this.#isKept ? this.#box.length : 0;
  }

  /** Takes the next bytes. Throws a `BmffError`, and the same one from then on. */
  push(bytes: Uint8Array): void {
    if (this.#error !== undefined) throw this.#error;
    for (let at = 0; at < bytes.length; ) {
      at = this.#size === 0 ? this.#takeHeader(bytes, at) : this.#takeBody(bytes, at);
    }
  }

  /** The stream ended. Throws a `BmffError` if a box is incomplete. */
  end(): void {
    if (this.#error !== undefined) throw this.#error;
    const isInside = this.#size > 0 || this.#headerLength > 0;
    if (isInside) this.#fail("BOX", `the stream ended after ${Math.max(this.#filled, this.#headerLength)} bytes of it`);
  }

  #fail(code: "BOX" | "BOX_TOO_LARGE", reason: string): never {
    this.#isKept = false;
    this.#box = new Uint8Array(0);
    this.#error = new BmffError(code, this.#type === "" ? "file" : this.#type, reason);
    throw this.#error;
  }

  /** Returns the position after what was taken. */
  #takeHeader(bytes: Uint8Array, at: number): number {
    this.#header[this.#headerLength] = bytes[at]!;
    this.#headerLength += 1;
    if (this.#headerLength >= BOX_HEADER) this.#begin();
    return at + 1;
  }

  #begin(): void {
    const reader = new Reader(this.#header);
    let size = reader.uint32();
    this.#type = fromLatin1(this.#header, 4, 8);
    if (size === 0) this.#fail("BOX", "a box without a size, to the end of the stream: live media has no end");
    if (size === 1) {
      // A 64-bit size is only needed for media data.
      if (this.#type !== "mdat") this.#fail("BOX", "a 64-bit size, which only mdat may have here");
      if (this.#headerLength < LARGE_HEADER) return;
      size = this.#largeSize();
    }
    if (size < this.#headerLength) this.#fail("BOX", `a box of ${size} bytes is shorter than its header`);
    const rule = this.#rules.get(this.#type);
    if (rule?.isRequired === true && size > rule.limit) {
      this.#fail("BOX_TOO_LARGE", `${size} bytes, and at most ${rule.limit} are accepted`);
    }
    this.#size = size;
    this.#isKept = rule !== undefined && size <= rule.limit;
    this.#filled = this.#headerLength;
    if (this.#isKept) {
      this.#box = new Uint8Array(Math.min(size, Math.max(FIRST_CAPACITY, this.#headerLength)));
      this.#box.set(this.#header.subarray(0, this.#headerLength));
    } else {
      this.#options.onSkip(this.#type, size);
    }
    this.#headerLength = 0;
    if (this.#filled === this.#size) this.#finish();
  }

  #largeSize(): number {
    const reader = new Reader(this.#header, BOX_HEADER);
    try {
      return readUint64(reader);
    } catch {
      return this.#fail("BOX", "a size above 2^53-1");
    }
  }

  #takeBody(bytes: Uint8Array, at: number): number {
    const count = Math.min(bytes.length - at, this.#size - this.#filled);
    if (this.#isKept) {
      this.#reserve(this.#filled + count);
      this.#box.set(bytes.subarray(at, at + count), this.#filled);
    }
    this.#filled += count;
    if (this.#filled === this.#size) this.#finish();
    return at + count;
  }

  /** Grows with what arrives, not with what a header claims. */
  #reserve(needed: number): void {
    if (needed <= this.#box.length) return;
    const grown = new Uint8Array(Math.min(this.#size, Math.max(needed, this.#box.length * 2)));
    grown.set(this.#box.subarray(0, this.#filled));
    this.#box = grown;
  }

  #finish(): void {
    const { onBox } = this.#options;
    const box = this.#box;
    const offset = this.#offset;
    this.#offset += this.#size;
    this.#size = 0;
    this.#box = new Uint8Array(0);
    if (!this.#isKept) return;
    this.#isKept = false;
    onBox(this.#type, box, offset);
  }
}
