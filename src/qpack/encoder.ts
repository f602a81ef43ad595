/**
 * The encoder (RFC 9204 §2.1): writes field sections and, on its own stream, the insertions that shorten later
 * sections. It references entries that the peer may not have only within the number of streams that may block, and
 * never evicts what an outstanding section references.
 */

import { type FieldLine, type FieldSection, fieldLineSize } from "../http/field-section.ts";
import type { StreamId } from "../quic/transport.ts";
import { DecoderStreamReader } from "./decoder-stream-reader.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { decoderStreamError } from "./errors.ts";
import {
  LINE_OVERHEAD,
  writeIndexed,
  writeIndexedPostBase,
  writeWithLiteralName,
  writeWithNameReference,
  writeWithPostBaseNameReference,
} from "./field-lines.ts";
import { InsertionHistory, type KnownName } from "./insertion-history.ts";
import { InstructionBuffer } from "./instruction-buffer.ts";
import {
  writeDuplicate,
  writeInsertWithLiteralName,
  writeInsertWithNameReference,
  writeSetCapacity,
} from "./instructions.ts";
import { OutstandingSections } from "./outstanding-sections.ts";
import { MAX_INTEGER_LENGTH, writeInteger } from "./primitive-writer.ts";
import { encodeInsertCount } from "./section-prefix.ts";
import { STATIC_NAMES, type StaticName } from "./static-table.ts";

/** The limits of the peer's SETTINGS (RFC 9204 §5). */
export interface EncoderLimits {
  /** The peer's SETTINGS_QPACK_MAX_TABLE_CAPACITY. */
  readonly maxTableCapacity: number;
  /** The peer's SETTINGS_QPACK_BLOCKED_STREAMS. */
  readonly maxBlockedStreams: number;
}

export interface EncoderOptions {
  /** The maximum part of the peer's table that we use. */
  readonly tableCapacity: number;
  /** "repeated" inserts a line when it occurs a second time, "always" immediately. */
  readonly insert?: "repeated" | "always";
  /** True if strings are Huffman-coded where that is shorter. */
  readonly huffman?: boolean;
}

/** The space that `encode` needs before its start position, for the section prefix. */
export const SECTION_PREFIX_ROOM = 2 * MAX_INTEGER_LENGTH;

/** The maximum number of bytes that `encode` writes after its start position. */
export function maxEncodedLength(fields: FieldSection): number {
  let length = 0;
  for (const [name, value] of fields) length += name.length + value.length + LINE_OVERHEAD;
  return length;
}

/** RFC 9204 §7.1.3: values worth guessing stay out of the table, and intermediaries are asked to do the same. */
function isSensitive(name: string, value: string): boolean {
  switch (name) {
    case "authorization":
    case "proxy-authorization":
    case "set-cookie":
      return true;
    case "cookie":
      // A long cookie has too much entropy to be guessed.
      return value.length < 20;
    default:
      return false;
  }
}

const NONE = -1;

export class QpackEncoder {
  readonly #options: EncoderOptions;
  readonly #huffman: boolean;
  readonly #table = new DynamicTable();
  readonly #history = new InsertionHistory();
  readonly #outstanding = new OutstandingSections();
  readonly #instructions = new InstructionBuffer();
  readonly #decoderStream: DecoderStreamReader;
  #limits: EncoderLimits = { maxTableCapacity: 0, maxBlockedStreams: 0 };
  #knownReceivedCount = 0;

  // The section being encoded.
  #base = 0;
  #requiredInsertCount = 0;
  #oldestReference = Number.POSITIVE_INFINITY;
  #insertBudget = 0;
  #mayRefer = false;
  #mayBlock = false;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#huffman = options.huffman ?? true;
    this.#decoderStream = new DecoderStreamReader(this);
  }

  get table(): DynamicTable {
    return this.#table;
  }

  get knownReceivedCount(): number {
    return this.#knownReceivedCount;
  }

  /** Call once, when the peer's SETTINGS have arrived; until then only the static table is used. */
  setLimits(limits: EncoderLimits): void {
    this.#limits = limits;
    const capacity = Math.min(limits.maxTableCapacity, this.#options.tableCapacity);
    // A smaller table is not worth using.
    if (capacity < 64) return;
    this.#table.setCapacity(capacity);
    this.#instructions.write(writeSetCapacity, capacity);
  }

  /** Takes bytes of the peer's decoder stream, split anywhere. Returns the number of instructions they completed. */
  handleDecoderStream(bytes: Uint8Array): number {
    return this.#decoderStream.handle(bytes);
  }

  /** The bytes to send on the encoder stream, before the section just encoded. */
  takeInstructions(): Uint8Array | undefined {
    return this.#instructions.take();
  }

  /**
   * Writes a section's lines from `at` on, with the prefix right before them; needs `SECTION_PREFIX_ROOM` before `at`
   * and `maxEncodedLength` after it. Returns the end; `sectionStart` is the start of the section. Inserts at most what
   * fits `streamCredit` bytes of encoder stream (RFC 9204 §2.1.3).
   */
  encode(streamId: StreamId, fields: FieldSection, target: Uint8Array, at: number, streamCredit: number): number {
    this.#begin(streamId, streamCredit);
    let end = at;
    for (const line of fields) end = this.#writeLine(line, target, end);
    this.#writePrefix(target, at);
    if (this.#requiredInsertCount > 0) {
      this.#outstanding.add(streamId, this.#requiredInsertCount, this.#oldestReference, this.#knownReceivedCount);
    }
    return end;
  }

  /** The start of the last encoded section in its target. */
  sectionStart = 0;

  #begin(streamId: StreamId, streamCredit: number): void {
    this.#base = this.#table.insertCount;
    this.#requiredInsertCount = 0;
    this.#oldestReference = Number.POSITIVE_INFINITY;
    this.#insertBudget = streamCredit - this.#instructions.length;
    this.#mayRefer = this.#table.capacity > 0 && !this.#outstanding.isFull;
    this.#mayBlock = this.#outstanding.mayBlock(streamId);
  }

  /** RFC 9204 §4.5.1 */
  #writePrefix(target: Uint8Array, at: number): void {
    const required = this.#requiredInsertCount;
    if (required === 0) {
      this.sectionStart = at - 2;
      target[at - 2] = 0;
      target[at - 1] = 0;
      return;
    }
    const encoded = encodeInsertCount(required, this.#limits.maxTableCapacity);
    const room = at - SECTION_PREFIX_ROOM;
    let end = writeInteger(target, room, 0, 8, encoded);
    if (this.#base >= required) end = writeInteger(target, end, 0, 7, this.#base - required);
    else end = writeInteger(target, end, 0x80, 7, required - this.#base - 1);
    this.sectionStart = at - (end - room);
    target.copyWithin(this.sectionStart, room, end);
  }

  #writeLine(line: FieldLine, target: Uint8Array, at: number): number {
    const [name, value] = line;
    const fixed = STATIC_NAMES.get(name);
    const fixedIndex = fixed?.values.get(value);
    if (fixedIndex !== undefined) return writeIndexed(target, at, true, fixedIndex);
    const neverIndexed = isSensitive(name, value);
    let known: KnownName | undefined;
    if (this.#mayRefer && !neverIndexed) {
      known = this.#history.find(name);
      const index = this.#entryFor(line, fixed, known);
      if (index !== NONE) return this.#writeDynamic(index, target, at);
    }
    if (fixed !== undefined) {
      return writeWithNameReference(target, at, true, fixed.index, value, neverIndexed, this.#huffman);
    }
    if (known !== undefined && known.newest !== NONE && this.#mayReference(known.newest)) {
      return this.#writeWithDynamicName(known.newest, value, target, at);
    }
    return writeWithLiteralName(target, at, name, value, neverIndexed, this.#huffman);
  }

  /** The entry to reference for a whole line, inserted now if worthwhile; or none. */
  #entryFor(line: FieldLine, fixed: StaticName | undefined, known: KnownName | undefined): number {
    const [name, value] = line;
    if (known === undefined) {
      this.#history.remember(name, value);
      if (this.#options.insert !== "always") return NONE;
      known = this.#history.find(name);
      if (known === undefined) return NONE;
    }
    const repeated = known.lastValue === value || this.#options.insert === "always";
    known.lastValue = value;
    let index = known.values.get(value) ?? NONE;
    if (index !== NONE) {
      const draining = this.#isDraining(index) && this.#mayReference(this.#table.insertCount);
      if (draining && this.#insert(line, fixed, known, index)) index = this.#table.insertCount - 1;
    } else if (repeated && this.#insert(line, fixed, known, NONE)) {
      index = this.#table.insertCount - 1;
    }
    return index !== NONE && this.#mayReference(index) ? index : NONE;
  }

  /** True if referencing an entry stays within the peer's limits (RFC 9204 §2.1.2). */
  #mayReference(index: number): boolean {
    if (index < this.#knownReceivedCount || this.#mayBlock) return true;
    if (this.#outstanding.blockedStreams >= this.#limits.maxBlockedStreams) return false;
    this.#mayBlock = true;
    return true;
  }

  #reference(index: number): void {
    if (index >= this.#requiredInsertCount) this.#requiredInsertCount = index + 1;
    if (index < this.#oldestReference) this.#oldestReference = index;
  }

  #writeDynamic(index: number, target: Uint8Array, at: number): number {
    this.#reference(index);
    return index < this.#base
      ? writeIndexed(target, at, false, this.#base - 1 - index)
      : writeIndexedPostBase(target, at, index - this.#base);
  }

  #writeWithDynamicName(index: number, value: string, target: Uint8Array, at: number): number {
    this.#reference(index);
    return index < this.#base
      ? writeWithNameReference(target, at, false, this.#base - 1 - index, value, false, this.#huffman)
      : writeWithPostBaseNameReference(target, at, index - this.#base, value, false, this.#huffman);
  }

  /**
   * RFC 9204 §2.1.1.1: the oldest eighth of a full table is duplicated instead of referenced, so that its entries can
   * be evicted.
   */
  #isDraining(index: number): boolean {
    const { firstIndex, insertCount, size, capacity } = this.#table;
    return size * 8 > capacity * 7 && index - firstIndex < (insertCount - firstIndex) >> 3;
  }

  /** Inserts a line, or duplicates the entry `existing`. Returns false if there is no room. */
  #insert(line: FieldLine, fixed: StaticName | undefined, known: KnownName, existing: number): boolean {
    const size = fieldLineSize(line[0], line[1]);
    const instructionLength = line[0].length + line[1].length + 2 * MAX_INTEGER_LENGTH;
    // An entry larger than half the table evicts more than it gains.
    if (size * 2 > this.#table.capacity || instructionLength > this.#insertBudget) return false;
    if (!this.#makeRoom(size)) return false;
    this.#insertBudget -= instructionLength;
    this.#writeInsertion(line, fixed, known, existing, instructionLength);
    this.#table.insert(line);
    this.#history.handleInserted(line, this.#table.insertCount - 1);
    return true;
  }

  #writeInsertion(
    line: FieldLine,
    fixed: StaticName | undefined,
    known: KnownName,
    existing: number,
    maxLength: number,
  ): void {
    const [name, value] = line;
    const target = this.#instructions.reserve(maxLength);
    const at = this.#instructions.length;
    const newest = this.#table.insertCount - 1;
    let end: number;
    if (existing !== NONE) {
      end = writeDuplicate(target, at, newest - existing);
    } else if (fixed !== undefined) {
      end = writeInsertWithNameReference(target, at, true, fixed.index, value, this.#huffman);
    } else if (known.newest !== NONE) {
      end = writeInsertWithNameReference(target, at, false, newest - known.newest, value, this.#huffman);
    } else {
      end = writeInsertWithLiteralName(target, at, name, value, this.#huffman);
    }
    this.#instructions.advance(end);
  }

  /** Evicts entries to make room for `size` bytes. Returns false, evicting nothing, if any of them is still needed. */
  #makeRoom(size: number): boolean {
    const table = this.#table;
    let excess = table.size + size - table.capacity;
    if (excess <= 0) return true;
    // RFC 9204 §2.1.1: only entries that the peer has and no section references are evictable. §3.2.2: the duplicated
    // entry may go.
    const limit = Math.min(this.#knownReceivedCount, this.#oldestReference, this.#outstanding.oldestReference());
    let count = 0;
    while (excess > 0) {
      const index = table.firstIndex + count;
      if (index >= limit) return false;
      const [name, value] = table.at(index)!;
      excess -= fieldLineSize(name, value);
      count += 1;
    }
    for (; count > 0; count -= 1) {
      const index = table.firstIndex;
      this.#history.handleEvicted(table.evict(), index);
    }
    return true;
  }

  /** The peer has decoded the oldest outstanding section of a stream (RFC 9204 §4.4.1). */
  handleSectionAcknowledgment(streamId: StreamId): void {
    const required = this.#outstanding.acknowledge(streamId);
    if (required === undefined) throw decoderStreamError(`stream ${streamId} has no outstanding section`);
    if (required > this.#knownReceivedCount) this.#setKnownReceivedCount(required);
  }

  /** The peer will not decode the sections of a stream (RFC 9204 §4.4.2). */
  handleStreamCancellation(streamId: StreamId): void {
    this.#outstanding.cancel(streamId);
  }

  /** The peer has received this many more insertions (RFC 9204 §4.4.3). */
  handleInsertCountIncrement(increment: number): void {
    const known = this.#knownReceivedCount + increment;
    if (increment === 0 || known > this.#table.insertCount) {
      throw decoderStreamError(`invalid increment ${increment} after ${this.#knownReceivedCount}`);
    }
    this.#setKnownReceivedCount(known);
  }

  #setKnownReceivedCount(count: number): void {
    this.#knownReceivedCount = count;
    this.#outstanding.handleReceived(count);
  }
}
