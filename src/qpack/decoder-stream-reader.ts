/** Follows the peer's decoder stream (RFC 9204 §4.4): three instructions, each one integer. */

import { ByteQueue } from "./byte-queue.ts";
import { decoderStreamError } from "./errors.ts";
import { INCOMPLETE, PrimitiveReader, problemText } from "./primitive-reader.ts";

export interface DecoderStreamHandler {
  handleSectionAcknowledgment(streamId: number): void;
  handleStreamCancellation(streamId: number): void;
  handleInsertCountIncrement(increment: number): void;
}

/** Of all connections: it is used for the duration of one call. */
const READER = new PrimitiveReader();

export class DecoderStreamReader {
  readonly #handler: DecoderStreamHandler;
  readonly #waiting = new ByteQueue();

  constructor(handler: DecoderStreamHandler) {
    this.#handler = handler;
  }

  /** Takes bytes split anywhere; only part of one integer ever waits. Returns the number of complete instructions. */
  handle(bytes: Uint8Array): number {
    const queued = this.#waiting.length > 0;
    if (queued) this.#waiting.append(bytes);
    const input = queued ? this.#waiting.bytes : bytes;
    const reader = READER;
    reader.reset(input);
    let done = 0;
    let count = 0;
    while (!reader.isAtEnd && this.#readInstruction()) {
      done = reader.position;
      count += 1;
    }
    if (queued) this.#waiting.consume(done);
    else if (done < input.length) this.#waiting.append(input.subarray(done));
    reader.release();
    return count;
  }

  #readInstruction(): boolean {
    const first = READER.bytes[READER.position]!;
    const value = READER.integer(first >= 0x80 ? 7 : 6);
    if (value === INCOMPLETE) return false;
    if (value < 0) throw decoderStreamError(problemText(value));
    if (first >= 0x80) this.#handler.handleSectionAcknowledgment(value);
    else if (first >= 0x40) this.#handler.handleStreamCancellation(value);
    else this.#handler.handleInsertCountIncrement(value);
    return true;
  }
}
