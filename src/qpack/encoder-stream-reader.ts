/** Follows the peer's encoder stream (RFC 9204 §4.3): each instruction changes the table. */

import { FIELD_LINE_OVERHEAD } from "../http/field-section.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { DynamicTable } from "./dynamic-table.ts";
import { encoderStreamError } from "./errors.ts";
import { INCOMPLETE, PrimitiveReader, problemText } from "./primitive-reader.ts";
import { STATIC_TABLE } from "./static-table.ts";

const tooLarge = () => encoderStreamError("the entry is larger than the table");

/** Of all connections: it is used for the duration of one call. */
const READER = new PrimitiveReader();

export class EncoderStreamReader {
  readonly #table: DynamicTable;
  readonly #maxTableCapacity: number;
  /** No encoded string above this length fits the table: a Huffman code has at most 30 bits. */
  readonly #maxStringBytes: number;
  readonly #waiting = new ByteQueue();

  constructor(table: DynamicTable, maxTableCapacity: number) {
    this.#table = table;
    this.#maxTableCapacity = maxTableCapacity;
    this.#maxStringBytes = maxTableCapacity * 4;
  }

  /**
   * Takes bytes split anywhere; an incomplete instruction waits, at most two strings and two integers. Returns the number
   * of complete instructions.
   */
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

  /** Returns false if the rest of the instruction has not arrived. */
  #readInstruction(): boolean {
    const first = READER.bytes[READER.position]!;
    if (first >= 0x80) return this.#insertWithNameReference((first & 0x40) !== 0);
    if (first >= 0x40) return this.#insertWithLiteralName();
    if (first >= 0x20) return this.#setCapacity();
    return this.#duplicate();
  }

  #insertWithNameReference(isStatic: boolean): boolean {
    const index = this.#integer(6);
    if (index === undefined) return false;
    const named = isStatic ? STATIC_TABLE[index] : this.#table.at(this.#table.insertCount - 1 - index);
    if (named === undefined) throw encoderStreamError(`no ${isStatic ? "static" : "dynamic"} entry ${index}`);
    const value = this.#string(7);
    if (value === undefined) return false;
    this.#insert(named[0], value);
    return true;
  }

  #insertWithLiteralName(): boolean {
    const name = this.#string(5);
    if (name === undefined) return false;
    // Checked early, so that a long name is not parsed repeatedly while its value arrives.
    if (name.length + FIELD_LINE_OVERHEAD > this.#table.capacity) throw tooLarge();
    const value = this.#string(7);
    if (value === undefined) return false;
    this.#insert(name, value);
    return true;
  }

  #setCapacity(): boolean {
    const capacity = this.#integer(5);
    if (capacity === undefined) return false;
    // RFC 9204 §4.3.1
    if (capacity > this.#maxTableCapacity)
      throw encoderStreamError(`capacity ${capacity} exceeds ${this.#maxTableCapacity}`);
    this.#table.setCapacity(capacity);
    return true;
  }

  #duplicate(): boolean {
    const index = this.#integer(5);
    if (index === undefined) return false;
    const line = this.#table.at(this.#table.insertCount - 1 - index);
    if (line === undefined) throw encoderStreamError(`no dynamic entry ${index}`);
    this.#insert(line[0], line[1]);
    return true;
  }

  #insert(name: string, value: string): void {
    // RFC 9204 §3.2.2: an entry larger than the capacity is an error.
    if (!this.#table.insert([name, value])) throw tooLarge();
  }

  #integer(prefix: number): number | undefined {
    const value = READER.integer(prefix);
    if (value >= 0) return value;
    if (value === INCOMPLETE) return undefined;
    throw encoderStreamError(problemText(value));
  }

  #string(prefix: number): string | undefined {
    const text = READER.string(prefix, this.#maxStringBytes);
    if (text === undefined && READER.problem !== INCOMPLETE) {
      throw encoderStreamError(problemText(READER.problem));
    }
    return text;
  }
}
