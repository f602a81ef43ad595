/** Frames of any type with any field values: mostly well-formed, so that they pass the parser, but rarely sensible. */

import { EncryptionLevel } from "../src/tls/index.ts";
import { type VarInt, varintLength, wideInt } from "../src/wire/varint.ts";
import { Writer } from "../src/wire/writer.ts";
import type { Chance } from "./chance.ts";

/** State that some frames should refer to. */
export interface FrameContext {
  /** The largest packet number sent by the victim. */
  readonly largestSent: number;
  readonly level: EncryptionLevel;
  /** The role of the sender of these frames. */
  readonly role: "client" | "server";
  /** True if the victim takes DATAGRAM, ACK_FREQUENCY and IMMEDIATE_ACK frames. */
  readonly isExtended?: boolean;
}

type Field = (writer: Writer, chance: Chance, context: FrameContext) => void;

/** Occasionally longer than necessary, which is legal everywhere except in frame types. */
function writeVarint(writer: Writer, value: VarInt, chance: Chance): void {
  if (typeof value === "number" && chance.oneIn(16)) {
    const length = Math.max(varintLength(value), chance.pick([2, 4, 8] as const)) as 2 | 4 | 8;
    writer.varint(value, length);
  } else writer.varint(value);
}

const number: Field = (writer, chance) => writeVarint(writer, chance.varint(), chance);
const small: Field = (writer, chance) => writeVarint(writer, chance.below(8), chance);
/** The ID of a stream on which the writer sends: one of its own, or the victim's first bidirectional stream. */
const sendingId: Field = (writer, chance, { role }) => {
  const own = role === "client" ? 0 : 1;
  const id = chance.oneIn(6) ? 1 - own : own + 2 * chance.below(12);
  writeVarint(writer, chance.oneIn(300) ? chance.varint() : id, chance);
};
/** The ID of a stream on which the victim sends. */
const receivingId: Field = (writer, chance, { role }) => {
  const own = role === "client" ? 0 : 1;
  const id = chance.oneIn(2) ? 1 - own + 2 * chance.below(2) : own + 4 * chance.below(6);
  writeVarint(writer, chance.oneIn(300) ? chance.varint() : id, chance);
};
const offset: Field = (writer, chance) =>
  writeVarint(writer, chance.oneIn(300) ? chance.varint() : chance.below(3_000), chance);
const limit: Field = (writer, chance) =>
  writeVarint(writer, chance.oneIn(40) ? chance.varint() : chance.below(100_000), chance);
/** A count above 2^60 makes the frame malformed. */
const streamCount: Field = (writer, chance) =>
  writeVarint(writer, chance.oneIn(300) ? chance.varint() : chance.below(200), chance);
/** Usually large enough for a reset: data beyond the final size is an error that would end most streams early. */
const finalSize: Field = (writer, chance) =>
  writeVarint(writer, chance.oneIn(40) ? chance.below(3_000) : 3_000, chance);
const bytes =
  (length: number): Field =>
  (writer, chance) =>
    writer.write(chance.exactBytes(length));
const counted: Field = (writer, chance) => {
  const data = chance.bytes(64);
  writeVarint(writer, data.length, chance);
  writer.write(data);
};
const connectionId: Field = (writer, chance) => {
  const id = chance.exactBytes(chance.oneIn(300) ? chance.pick([0, 21, 48]) : 8);
  writer.uint8(id.length);
  writer.write(id);
};
/** Largest, delay, count and ranges; most of the packets were really sent. */
const ranges: Field = (writer, chance, { largestSent }) => {
  const largest = chance.oneIn(300) ? chance.varint() : Math.max(0, largestSent - chance.below(4));
  writeVarint(writer, largest, chance);
  writeVarint(writer, chance.varint(), chance);
  const count = chance.oneIn(8) ? Math.min(chance.below(6), largestSent >> 2) : 0;
  writeVarint(writer, count, chance);
  for (let i = 0; i < 1 + 2 * count; i += 1) writeVarint(writer, chance.oneIn(300) ? chance.varint() : 0, chance);
};
/** A TLS message. Few are legal after the handshake, so this ends most connections. */
const message: Field = (writer, chance) => {
  const body = chance.bytes(48);
  writeVarint(writer, body.length + 4, chance);
  writer.uint8(chance.pick([0, 1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 254]));
  writer.uint24(chance.oneIn(6) ? chance.below(1 << 24) : body.length);
  writer.write(body);
};

/** Type, weight, fields. */
const SHAPES: readonly (readonly [type: number, weight: number, ...fields: Field[]])[] = [
  [0x00, 1],
  [0x01, 3],
  [0x02, 8, ranges],
  [0x03, 2, ranges, number, number, number],
  [0x04, 3, sendingId, number, finalSize],
  [0x05, 3, receivingId, number],
  [0x08, 1, sendingId, bytes(20)],
  [0x0a, 5, sendingId, counted],
  [0x0c, 2, sendingId, offset, bytes(30)],
  [0x0e, 20, sendingId, offset, counted],
  [0x10, 3, limit],
  [0x11, 3, receivingId, limit],
  [0x12, 2, streamCount],
  [0x13, 2, streamCount],
  [0x14, 1, limit],
  [0x15, 1, sendingId, limit],
  [0x16, 1, streamCount],
  [0x17, 1, streamCount],
  [0x1a, 3, bytes(8)],
  [0x1b, 1, bytes(8)],
];

/** Largely legal, if the victim has announced the extensions. */
const ackDelay: Field = (writer, chance) =>
  writeVarint(writer, chance.oneIn(300) ? chance.varint() : 1_000 + chance.below(1 << 24) / 2, chance);
const EXTENDED: typeof SHAPES = [
  [0x1f, 3],
  [0x31, 5, counted],
  [0xaf, 3, number, number, ackDelay, number],
];

/** Chosen rarely, because each may end the connection, and some always do. */
const FINAL: readonly (readonly [type: number, ...fields: Field[]])[] = [
  [0x06, small, message],
  [0x06, offset, counted],
  [0x07, counted],
  [0x09, sendingId, bytes(5)],
  [0x0b, sendingId, counted],
  [0x0d, sendingId, offset, bytes(30)],
  [0x0f, sendingId, offset, counted],
  [0x0f, sendingId, offset, counted],
  [0x18, small, small, connectionId, bytes(16)],
  [0x18, small, small, connectionId, bytes(16)],
  [0x18, number, number, connectionId, bytes(16)],
  [0x19, small],
  [0x19, small],
  [0x1c, number, number, counted],
  [0x1d, number, counted],
  [0x1e],
  [0x1f],
  [0x20, number],
  [0x30, counted],
  [0x31, counted],
];

const WEIGHTED = SHAPES.flatMap((shape) => new Array<typeof shape>(shape[1]).fill(shape));
const WITH_EXTENSIONS = [...WEIGHTED, ...EXTENDED.flatMap((shape) => new Array<typeof shape>(shape[1]).fill(shape))];
const AT_ANY_LEVEL = WEIGHTED.filter(([type]) => type <= 0x03);
/** RFC 9000 §12.5, Table 3: no ACK, no PATH_RESPONSE. */
const IN_ZERO_RTT = WEIGHTED.filter(([type]) => type !== 0x02 && type !== 0x03 && type !== 0x1b);
/** The longest frame written here. */
const LONGEST_FRAME = 160;

function shapesFor(chance: Chance, { level, isExtended }: FrameContext): typeof SHAPES {
  const { zeroRtt, oneRtt } = EncryptionLevel;
  const hasAllFrames = level === oneRtt || chance.oneIn(100);
  if (level === zeroRtt && !hasAllFrames) return IN_ZERO_RTT;
  if (!hasAllFrames) return AT_ANY_LEVEL;
  return isExtended ? WITH_EXTENSIONS : WEIGHTED;
}

/** A payload of one to eight frames. */
export function writeFrames(chance: Chance, context: FrameContext): Uint8Array {
  const count = 1 + chance.below(8);
  const writer = new Writer(new Uint8Array(count * LONGEST_FRAME));
  const shapes = shapesFor(chance, context);
  for (let i = 0; i < count; i += 1) {
    if (chance.oneIn(100)) {
      const [type, ...fields] = chance.pick(FINAL);
      writer.uint8(type);
      for (const field of fields) field(writer, chance, context);
      continue;
    }
    const [type, , ...fields] = chance.pick(shapes);
    if (chance.oneIn(2_000)) writer.varint(chance.oneIn(2) ? type : wideInt(0x1234, type), 8);
    else writer.varint(type);
    for (const field of fields) field(writer, chance, context);
  }
  return writer.written();
}
