/**
 * The decoder (RFC 9204 §2.2): follows the peer's encoder stream, decodes field sections, holds those that arrive
 * before the insertions they need, and reports its progress on the decoder stream.
 */

import { SparseMap } from "../base/sparse-map.ts";
import { type FieldLine, type FieldSection, fieldLineSize } from "../http/field-section.ts";
import type { StreamId } from "../quic/transport.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { EncoderStreamReader } from "./encoder-stream-reader.ts";
import { decompressionFailed } from "./errors.ts";
import { InstructionBuffer } from "./instruction-buffer.ts";
import { writeInsertCountIncrement, writeSectionAcknowledgment, writeStreamCancellation } from "./instructions.ts";
import { PrimitiveReader, problemText } from "./primitive-reader.ts";
import { decodeInsertCount } from "./section-prefix.ts";
import { STATIC_TABLE } from "./static-table.ts";

export interface DecoderOptions {
  /** The SETTINGS_QPACK_MAX_TABLE_CAPACITY we sent. */
  readonly maxTableCapacity: number;
  /** The SETTINGS_QPACK_BLOCKED_STREAMS we sent. */
  readonly maxBlockedStreams: number;
  /** The SETTINGS_MAX_FIELD_SECTION_SIZE we sent, counted line by line so that a bomb is never expanded. */
  readonly maxFieldSectionSize: number;
  /** The limit on the total bytes of blocked sections. */
  readonly maxBlockedBytes: number;
}

/** The fields; "blocked" if `pollUnblocked` will return them later; or "too-large" if the section was dropped. */
export type DecodeResult = FieldSection | "blocked" | "too-large";

interface BlockedSection {
  readonly requiredInsertCount: number;
  readonly bytes: Uint8Array;
}

export interface UnblockedSection {
  readonly streamId: StreamId;
  readonly result: FieldSection | "too-large";
}

/** Of all connections: it is used for the duration of one call. */
const READER = new PrimitiveReader();

export class QpackDecoder {
  readonly #options: DecoderOptions;
  readonly #table = new DynamicTable();
  readonly #encoderStream: EncoderStreamReader;
  readonly #instructions = new InstructionBuffer();
  readonly #blocked = new SparseMap<StreamId, BlockedSection>();
  #blockedBytes = 0;
  /** The number of insertions that the peer's encoder knows we have, from increments and acknowledged sections. */
  #reportedInsertCount = 0;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#encoderStream = new EncoderStreamReader(this.#table, options.maxTableCapacity);
  }

  get table(): DynamicTable {
    return this.#table;
  }

  get blockedStreams(): number {
    return this.#blocked.size;
  }

  get blockedBytes(): number {
    return this.#blockedBytes;
  }

  /** Takes bytes of the peer's encoder stream, split anywhere. Returns the number of instructions they completed. */
  handleEncoderStream(bytes: Uint8Array): number {
    return this.#encoderStream.handle(bytes);
  }

  /** Decodes one encoded field section. While a stream is blocked, no further section of it may be decoded. */
  decode(streamId: StreamId, section: Uint8Array): DecodeResult {
    const reader = READER;
    reader.reset(section);
    const required = this.#readRequiredInsertCount();
    if (required > this.#table.insertCount) {
      this.#block(streamId, section, required);
      return this.#blocked.has(streamId) ? "blocked" : this.#abandon(streamId);
    }
    const fields = this.#readLines(required, this.#readBase(required));
    reader.release();
    if (fields === undefined) return this.#abandon(streamId);
    if (required > 0) {
      // RFC 9204 §2.2.2.1, §4.4.1
      this.#instructions.write(writeSectionAcknowledgment, streamId);
      if (required > this.#reportedInsertCount) this.#reportedInsertCount = required;
    }
    return fields;
  }

  /** Returns a section that is no longer blocked. */
  pollUnblocked(): UnblockedSection | undefined {
    for (const [streamId, { requiredInsertCount, bytes }] of this.#blocked) {
      if (requiredInsertCount > this.#table.insertCount) continue;
      this.#unblock(streamId);
      return { streamId, result: this.decode(streamId, bytes) as FieldSection | "too-large" };
    }
    return undefined;
  }

  /** Call when the stream is reset or no longer read (RFC 9204 §2.2.2.2). */
  cancelStream(streamId: StreamId): void {
    this.#unblock(streamId);
    // Without a table the peer cannot reference anything.
    if (this.#options.maxTableCapacity > 0) this.#instructions.write(writeStreamCancellation, streamId);
  }

  /** The bytes to send on the decoder stream. Collected, so that one increment covers many insertions. */
  takeInstructions(): Uint8Array | undefined {
    const increment = this.#table.insertCount - this.#reportedInsertCount;
    if (increment > 0) {
      this.#instructions.write(writeInsertCountIncrement, increment);
      this.#reportedInsertCount = this.#table.insertCount;
    }
    return this.#instructions.take();
  }

  #abandon(streamId: StreamId): "too-large" {
    this.cancelStream(streamId);
    return "too-large";
  }

  #block(streamId: StreamId, section: Uint8Array, requiredInsertCount: number): void {
    // RFC 9204 §2.1.2: more blocked streams than we allowed.
    if (this.#blocked.size >= this.#options.maxBlockedStreams) throw decompressionFailed("too many blocked streams");
    if (this.#blockedBytes + section.length > this.#options.maxBlockedBytes) return;
    this.#blockedBytes += section.length;
    this.#blocked.set(streamId, { requiredInsertCount, bytes: section.slice() });
  }

  #unblock(streamId: StreamId): void {
    const section = this.#blocked.get(streamId);
    if (section === undefined) return;
    this.#blockedBytes -= section.bytes.length;
    this.#blocked.delete(streamId);
  }

  /** RFC 9204 §4.5.1.1 */
  #readRequiredInsertCount(): number {
    const encoded = this.#integer(8);
    const required = decodeInsertCount(encoded, this.#options.maxTableCapacity, this.#table.insertCount);
    if (required === undefined) throw decompressionFailed("invalid Required Insert Count");
    return required;
  }

  /** RFC 9204 §4.5.1.2 */
  #readBase(required: number): number {
    const { bytes, position } = READER;
    const negative = (bytes[position] ?? 0) >= 0x80;
    const delta = this.#integer(7);
    const base = negative ? required - delta - 1 : required + delta;
    if (base < 0) throw decompressionFailed("negative base");
    return base;
  }

  /** The lines after the prefix; undefined if they exceed the limit. */
  #readLines(required: number, base: number): FieldSection | undefined {
    const reader = READER;
    const limit = this.#options.maxFieldSectionSize;
    const fields: FieldLine[] = [];
    let size = 0;
    while (!reader.isAtEnd) {
      const first = reader.bytes[reader.position]!;
      let line: FieldLine;
      if (first >= 0x80) {
        // Indexed: 1Txxxxxx
        const index = this.#integer(6);
        line = (first & 0x40) !== 0 ? staticLine(index) : this.#dynamicLine(base - 1 - index, required);
      } else if (first >= 0x40) {
        // Literal with name reference: 01NTxxxx
        const index = this.#integer(4);
        const named = (first & 0x10) !== 0 ? staticLine(index) : this.#dynamicLine(base - 1 - index, required);
        line = [named[0], this.#string(7)];
      } else if (first >= 0x20) {
        // Literal with literal name: 001NHxxx
        line = [this.#string(3), this.#string(7)];
      } else if (first >= 0x10) {
        // Indexed with post-base index: 0001xxxx
        line = this.#dynamicLine(base + this.#integer(4), required);
      } else {
        // Literal with post-base name reference: 0000Nxxx
        const index = this.#integer(3);
        line = [this.#dynamicLine(base + index, required)[0], this.#string(7)];
      }
      size += fieldLineSize(line[0], line[1]);
      if (size > limit) return undefined;
      fields.push(line);
    }
    return fields;
  }

  #dynamicLine(index: number, required: number): FieldLine {
    // RFC 9204 §2.2.3: the entry is not covered by the Required Insert Count, or was evicted.
    const line = index < required ? this.#table.at(index) : undefined;
    if (line === undefined) throw decompressionFailed(`no dynamic entry ${index}`);
    return line;
  }

  #integer(prefix: number): number {
    const value = READER.integer(prefix);
    if (value < 0) throw decompressionFailed(problemText(value));
    return value;
  }

  #string(prefix: number): string {
    const text = READER.string(prefix, Number.POSITIVE_INFINITY);
    if (text === undefined) throw decompressionFailed(problemText(READER.problem));
    return text;
  }
}

function staticLine(index: number): FieldLine {
  const line = STATIC_TABLE[index];
  // RFC 9204 §3.1
  if (line === undefined) throw decompressionFailed(`no static entry ${index}`);
  return line;
}
