/** Cuts a feed's bytes into lines (RFC 8805 §2.1): CRLF or LF, UTF-8, with a limit for the length of one. */

import { fromLatin1, fromStrictUtf8 } from "../../wire/text.ts";

/** Bytes. Real entries have less than 200. */
const MAX_LINE = 4_096;
/** Bytes that are decoded at once. */
const PIECE = 1 << 20;
const LF = 0x0a;

export interface LineSink {
  /** `isUtf8` is false for a line of other bytes, decoded as Latin-1 so that it can be shown. */
  line(text: string, number: number, isUtf8: boolean): void;
  /** A line that is too long was skipped. */
  tooLong(number: number): void;
}

export class FeedLines {
  readonly #sink: LineSink;
  #number = 0;
  /** The beginning of a line whose end has not arrived. */
  #rest = new Uint8Array(0);
  #isSkipping = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** Lines so far. */
  get count(): number {
    return this.#number;
  }

  /** Takes the next bytes, of any number. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; at += PIECE) this.#write(bytes.subarray(at, at + PIECE));
  }

  #write(chunk: Uint8Array): void {
    const first = chunk.indexOf(LF);
    if (first < 0) {
      this.#keep(chunk);
      return;
    }
    if (this.#rest.byteLength > 0 || this.#isSkipping) {
      this.#keep(chunk.subarray(0, first));
      this.#endLine();
      this.#write(chunk.subarray(first + 1));
      return;
    }
    const last = chunk.lastIndexOf(LF);
    this.#writeLines(chunk.subarray(0, last));
    if (last + 1 < chunk.byteLength) this.#keep(chunk.subarray(last + 1));
  }

  /** The feed has ended. */
  end(): void {
    if (this.#rest.byteLength > 0 || this.#isSkipping) this.#endLine();
  }

  #writeLines(bytes: Uint8Array): void {
    const text = fromStrictUtf8(bytes);
    if (text !== undefined) {
      for (let start = 0; start <= text.length; ) {
        const end = text.indexOf("\n", start);
        const stop = end < 0 ? text.length : end;
        this.#emit(text.slice(start, stop), true);
        start = stop + 1;
      }
      return;
    }
    // Some line is not UTF-8: find out which.
    for (let start = 0; start <= bytes.byteLength; ) {
      const end = bytes.indexOf(LF, start);
      const stop = end < 0 ? bytes.byteLength : end;
      this.#emitBytes(bytes.subarray(start, stop));
      start = stop + 1;
    }
  }

  #keep(bytes: Uint8Array): void {
    if (this.#isSkipping || bytes.byteLength === 0) return;
    if (this.#rest.byteLength + bytes.byteLength > MAX_LINE) {
      this.#isSkipping = true;
      this.#rest = new Uint8Array(0);
      return;
    }
    const joined = new Uint8Array(this.#rest.byteLength + bytes.byteLength);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.byteLength);
    this.#rest = joined;
  }

  #endLine(): void {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    if (this.#isSkipping) {
      this.#isSkipping = false;
      this.#number += 1;
      this.#sink.tooLong(this.#number);
    } else this.#emitBytes(rest);
  }

  #emitBytes(bytes: Uint8Array): void {
    const text = fromStrictUtf8(bytes);
    this.#emit(text ?? fromLatin1(bytes), text !== undefined);
  }

  #emit(given: string, isUtf8: boolean): void {
    this.#number += 1;
    const text = given.endsWith("\r") ? given.slice(0, -1) : given;
    if (text.length > MAX_LINE) this.#sink.tooLong(this.#number);
    else this.#sink.line(this.#number === 1 && text.startsWith("\ufeff") ? text.slice(1) : text, this.#number, isUtf8);
  }
}
