/**
 * Reads capsules (RFC 9297 §3.2) from a stream that may be split anywhere. The reader of each capsule decides from its
 * type and length what becomes of the value: collected whole, passed on in pieces, or skipped. Nothing else is ever held,
 * so a capsule that announces 2^62 bytes costs no memory.
 */

import type { VarInt } from "../../wire/varint.ts";
import { VarintReader } from "../../wire/varint-reader.ts";

/** RFC 9297 §3.3: unknown types must be skipped. */
export type CapsuleTreatment = "collect" | "stream" | "skip";

export interface CapsuleSink {
  /**
   * A capsule begins. `length` is that of its value; above 2^53, the nearest double. "collect" holds the whole value, so
   * return it only for lengths that you accept. Throw to refuse the stream.
   */
  begin(type: VarInt, length: number): CapsuleTreatment;
  /** A collected value, whose bytes the sink may keep. */
  collected(type: VarInt, value: Uint8Array): void;
  /** A piece of a streamed value, whose bytes the sink may keep. The last one, which may be empty, has `isLast`. */
  piece?(type: VarInt, bytes: Uint8Array, isLast: boolean): void;
}

/** The capsules are malformed, and so is the message that they belong to (RFC 9297 §3.3). */
export class CapsuleError extends Error {
  override readonly name = "CapsuleError";
}

const EMPTY = new Uint8Array(0);

export class CapsuleReader {
  readonly #sink: CapsuleSink;
  readonly #varint = new VarintReader();
  #step: "type" | "length" | "value" = "type";
  #type: VarInt = 0;
  #remaining = 0;
  #treatment: CapsuleTreatment = "skip";
  #collected: Uint8Array = EMPTY;
  #have = 0;
  #isStopped = false;
  #isComplete = false;

  constructor(sink: CapsuleSink) {
    this.#sink = sink;
  }

  /** Bytes held of a value that is being collected. */
  get bytesHeld(): number {
    return this.#collected.length;
  }

  /** Handles the next bytes of the stream, which must not change afterwards. Throws a `CapsuleError`. */
  handle(bytes: Uint8Array): void {
    if (this.#isComplete && bytes.length > 0 && !this.#isStopped)
      throw new CapsuleError("bytes after the last capsule");
    let at = 0;
    while (at < bytes.length && !this.#isStopped) {
      if (this.#step === "value") at = this.#readValue(bytes, at);
      else {
        if (this.#isComplete) throw new CapsuleError("bytes after the last capsule");
        at = this.#varint.read(bytes, at);
        if (this.#varint.done) this.#handleInteger();
      }
    }
  }

  /** Handles the end of the stream. */
  handleEnd(): void {
    if (this.#isStopped || (this.#step === "type" && !this.#varint.isPartial)) return;
    throw new CapsuleError("the stream ended inside a capsule");
  }

  /** The capsule just collected was the last one: more bytes are an error, even in what is being handled. */
  expectEnd(): void {
    this.#isComplete = true;
  }

  /** Ignores everything from now on, even the rest of the bytes being handled. */
  stop(): void {
    this.#isStopped = true;
    this.#collected = EMPTY;
  }

  #handleInteger(): void {
    if (this.#step === "type") {
      this.#type = this.#varint.exact;
      this.#step = "length";
      return;
    }
    this.#remaining = this.#varint.value;
    this.#step = "value";
    this.#treatment = this.#sink.begin(this.#type, this.#remaining);
    this.#have = 0;
    this.#collected = this.#treatment === "collect" ? new Uint8Array(this.#remaining) : EMPTY;
    if (this.#remaining === 0) this.#finish(EMPTY);
  }

  #readValue(bytes: Uint8Array, at: number): number {
    const count = Math.min(this.#remaining, bytes.length - at);
    const piece = bytes.subarray(at, at + count);
    this.#remaining -= count;
    if (this.#treatment === "collect") {
      this.#collected.set(piece, this.#have);
      this.#have += count;
    }
    if (this.#remaining === 0) this.#finish(piece);
    else if (this.#treatment === "stream") this.#sink.piece?.(this.#type, piece, false);
    return at + count;
  }

  #finish(last: Uint8Array): void {
    const collected = this.#collected;
    this.#step = "type";
    this.#collected = EMPTY;
    if (this.#treatment === "collect") this.#sink.collected(this.#type, collected);
    else if (this.#treatment === "stream") this.#sink.piece?.(this.#type, last, true);
  }
}
