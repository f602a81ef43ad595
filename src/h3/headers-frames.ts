/**
 * Writes HEADERS frames, and the DATA frame of a small message with them. Many share one slab: the transport keeps
 * references to its data until it is acknowledged, and an allocation for each frame would cost more than the frame.
 */

import type { FieldSection } from "../http/index.ts";
import { maxEncodedLength, type QpackEncoder, SECTION_PREFIX_ROOM } from "../qpack/index.ts";
import type { StreamId } from "../quic/transport.ts";
import { varintLength } from "../wire/varint.ts";
import { Writer } from "../wire/writer.ts";
import { FrameType } from "./frames.ts";
import type { LocalStream } from "./local-streams.ts";

/**
 * The first frame has its own bytes. Then slabs double in size up to a maximum, so that a connection with few requests holds
 * little memory.
 */
const FIRST_SLAB_SIZE = 256;
const MAX_SLAB_SIZE = 16_384;
const SMALLEST_ROOM = 128;
/** Room for the type and length of a frame. */
const FRAME_HEADER_ROOM = 9;

/** Copying this much content costs less than handing the transport two more pieces. */
export const MAX_JOINED_CONTENT = 2_048;

const NOTHING = new Uint8Array(0);
const NO_ROOM = new Writer(NOTHING);

export class HeadersFrames {
  readonly #encoder: QpackEncoder;
  readonly #encoderStream: LocalStream;
  #writer = NO_ROOM;
  #slabSize = 0;

  constructor(encoder: QpackEncoder, encoderStream: LocalStream) {
    this.#encoder = encoder;
    this.#encoderStream = encoderStream;
  }

  /** The length of the HEADERS frame written last. */
  headLength = 0;

  /**
   * Returns the frame, and one with `content` of at most `MAX_JOINED_CONTENT` after it, in bytes that are never
   * overwritten. Writes the insertions that it needs first.
   */
  write(id: StreamId, fields: FieldSection, content: Uint8Array = NOTHING): Uint8Array {
    const before = FRAME_HEADER_ROOM + SECTION_PREFIX_ROOM;
    const length = before + maxEncodedLength(fields) + FRAME_HEADER_ROOM + content.length;
    const isFirst = this.#slabSize === 0;
    if (length > this.#writer.remaining) {
      this.#writer = new Writer(new Uint8Array(Math.max(this.#slabSize, length)));
      this.#slabSize = Math.min(Math.max(2 * this.#slabSize, FIRST_SLAB_SIZE), MAX_SLAB_SIZE);
    }
    const writer = this.#writer;
    const encoder = this.#encoder;
    const linesAt = writer.position + before;
    const end = encoder.encode(id, fields, writer.bytes, linesAt, this.#encoderStream.credit);
    // RFC 9204 §2.1.2: insertions first, so that only the network can make the section block.
    const instructions = encoder.takeInstructions();
    if (instructions !== undefined) this.#encoderStream.write(instructions);

    const sectionLength = end - encoder.sectionStart;
    const start = encoder.sectionStart - 1 - varintLength(sectionLength);
    writer.position = start;
    writer.varint(FrameType.HEADERS);
    writer.varint(sectionLength);
    writer.position = end;
    this.headLength = end - start;
    if (content.length > 0) {
      writer.varint(FrameType.DATA);
      writer.varint(content.length);
      writer.write(content);
    }
    // Too little for another head, or perhaps the only one.
    if (writer.remaining < SMALLEST_ROOM || isFirst) this.#writer = NO_ROOM;
    return writer.written(start);
  }
}
