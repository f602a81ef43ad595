/**
 * Parses frames (RFC 9000 §19). A malformed frame becomes a `ProtocolError` that names it; a frame that its state
 * forbids is the concern of the owner of that state.
 *
 * The data of STREAM, CRYPTO and DATAGRAM frames are views of the datagram; all other byte strings are small and copied.
 */

import { ProtocolError, WireError } from "../../base/errors.ts";
import type { EncryptionLevel } from "../../tls/handshake.ts";
import { ENCRYPTION_LEVEL_NAMES } from "../../tls/handshake.ts";
import { Reader } from "../../wire/reader.ts";
import { formatVarInt, type VarInt, varintLength } from "../../wire/varint.ts";
import { transportError } from "../errors.ts";
import { MAX_CONNECTION_ID_LENGTH } from "../packet/connection-id.ts";
import type { StreamDirection, StreamId } from "../transport.ts";
import { exceeds, nearest } from "../varint-limit.ts";
import type { AckFrame, EcnCounts, Frame, FrameType, NewConnectionIdFrame } from "./frames.ts";
import { FRAMES, type FrameRow, frameRow, isLegalAt } from "./table.ts";

/** Where stream offsets end (RFC 9000 §4.5, §19.8): 2^62-1 is the last one that can be encoded. */
const OFFSET_END = 2 ** 62;
const STATELESS_RESET_TOKEN_LENGTH = 16;
const PATH_DATA_LENGTH = 8;

/**
 * The frames of a payload, for traces. Stops silently at the first malformed frame, since the frame handler reports it.
 */
export function framesOf(bytes: Uint8Array, start: number, end: number, level: EncryptionLevel): readonly Frame[] {
  const reader = new Reader(bytes, start, end);
  const frames: Frame[] = [];
  try {
    while (!reader.isAtEnd) frames.push(parseFrame(reader, level));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  return frames;
}

/** Parses the frame at the reader's position, in a packet of `level`. The reader must not be at its end. */
export function parseFrame(reader: Reader, level: EncryptionLevel): Frame {
  const first = reader.peek();
  if (first === undefined) throw transportError("FRAME_ENCODING_ERROR", "frame", "no frame found");
  const start = reader.position;
  // Nearly all frame types are below 0x40: one byte in its shortest and only legal form (RFC 9000 §12.4).
  const number = first < 0x40 ? first : longType(reader);
  const row = typeof number === "number" ? frameRow(number) : undefined;
  if (row === undefined) throw unknownType(number);
  const type = number as number;
  if (!isLegalAt(type, level)) {
    throw transportError("PROTOCOL_VIOLATION", row.name, `is not allowed in ${ENCRYPTION_LEVEL_NAMES[level]} packets`);
  }
  if (reader.position === start) reader.position += 1;
  try {
    return parsers[type]!(reader, type);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw transportError("FRAME_ENCODING_ERROR", row.name, error.message);
  }
}

const unknownType = (type: VarInt) =>
  transportError("FRAME_ENCODING_ERROR", "frame", `unknown type ${formatVarInt(type)}`);

/** A frame type of several bytes, in its shortest and only legal form (RFC 9000 §12.4). */
export function longType(reader: Reader): VarInt {
  const start = reader.position;
  let type: VarInt;
  try {
    type = reader.varintExact();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw transportError("FRAME_ENCODING_ERROR", "frame", error.message);
  }
  if (varintLength(type) !== reader.position - start) {
    throw transportError("PROTOCOL_VIOLATION", "frame", `type ${formatVarInt(type)} is not in its shortest form`);
  }
  return type;
}

/** Parses the fields after the type; `number` is the type. */
type Parser<T extends FrameType> = (reader: Reader, number: number) => Extract<Frame, { type: T }>;

const PARSERS: { readonly [T in FrameType]: Parser<T> } = {
  padding: parsePadding,
  ping: () => PING,
  ack: parseAck,
  "reset-stream": (reader) => ({
    type: "reset-stream",
    id: parseStreamId(reader, "RESET_STREAM"),
    code: reader.varintExact(),
    finalSize: reader.varint(),
  }),
  "reset-stream-at": parseResetStreamAt,
  "stop-sending": (reader) => ({
    type: "stop-sending",
    id: parseStreamId(reader, "STOP_SENDING"),
    code: reader.varintExact(),
  }),
  crypto: parseCrypto,
  "new-token": parseNewToken,
  stream: parseStream,
  "max-data": (reader) => ({ type: "max-data", maximum: reader.varint() }),
  "max-stream-data": (reader) => ({
    type: "max-stream-data",
    id: parseStreamId(reader, "MAX_STREAM_DATA"),
    maximum: reader.varint(),
  }),
  "max-streams": (reader, number) => ({
    type: "max-streams",
    direction: directionOf(number),
    maximum: parseStreamCount(reader, "MAX_STREAMS"),
  }),
  "data-blocked": (reader) => ({ type: "data-blocked", limit: reader.varint() }),
  "stream-data-blocked": (reader) => ({
    type: "stream-data-blocked",
    id: parseStreamId(reader, "STREAM_DATA_BLOCKED"),
    limit: reader.varint(),
  }),
  "streams-blocked": (reader, number) => ({
    type: "streams-blocked",
    direction: directionOf(number),
    limit: parseStreamCount(reader, "STREAMS_BLOCKED"),
  }),
  "new-connection-id": parseNewConnectionId,
  "retire-connection-id": (reader) => ({ type: "retire-connection-id", sequence: reader.varint() }),
  "path-challenge": (reader) => ({ type: "path-challenge", data: reader.copy(PATH_DATA_LENGTH) }),
  "path-response": (reader) => ({ type: "path-response", data: reader.copy(PATH_DATA_LENGTH) }),
  "connection-close": parseConnectionClose,
  "immediate-ack": () => IMMEDIATE_ACK,
  "ack-frequency": (reader) => ({
    type: "ack-frequency",
    sequence: reader.varint(),
    threshold: reader.varint(),
    maxAckDelay: reader.varint(),
    reordering: reader.varint(),
  }),
  datagram: (reader, number) => {
    const hasLength = number === 0x31;
    return { type: "datagram", data: reader.view(hasLength ? reader.varint() : reader.remaining), hasLength };
  },
  "handshake-done": () => HANDSHAKE_DONE,
};

/** The parser for each number, derived from the table. */
const parsers: ((reader: Reader, number: number) => Frame)[] = [];
for (const row of FRAMES) {
  for (let number = row.first; number <= row.last; number += 1) parsers[number] = PARSERS[row.type];
}

const PING = { type: "ping" } as const;
const IMMEDIATE_ACK = { type: "immediate-ack" } as const;
const HANDSHAKE_DONE = { type: "handshake-done" } as const;

/** A run of PADDING frames is one value, since there may be more than a thousand. */
function parsePadding(reader: Reader) {
  const { bytes, end, position } = reader;
  let at = position;
  while (at < end && bytes[at] === 0) at += 1;
  reader.position = at;
  return { type: "padding", length: at - position + 1 } as const;
}

/** draft-ietf-quic-reliable-stream-reset §3. */
function parseResetStreamAt(reader: Reader) {
  const id = parseStreamId(reader, "RESET_STREAM_AT");
  const code = reader.varintExact();
  const finalSize = reader.varint();
  const reliableSize = reader.varint();
  if (reliableSize > finalSize) {
    throw transportError("FRAME_ENCODING_ERROR", "RESET_STREAM_AT", "the reliable size is above the final size");
  }
  return { type: "reset-stream-at", id, code, finalSize, reliableSize } as const;
}

/** RFC 9000 §19.3. */
function parseAck(reader: Reader, number: number): AckFrame {
  return parseAckFields(reader, "ACK", number === 0x03);
}

/** The fields that ACK and PATH_ACK share. `name` is the frame's, for errors. */
export function parseAckFields(reader: Reader, name: string, hasEcn: boolean): AckFrame {
  const largest = reader.varint();
  const delay = reader.varint();
  const count = reader.varint();
  // Every range takes at least two bytes. An impossible count is rejected before allocating anything for it.
  if (count * 2 > reader.remaining) throw transportError("FRAME_ENCODING_ERROR", name, `${count} ranges do not fit`);
  let rangeLargest = largest;
  let smallest = rangeLargest - reader.varint();
  const ranges = [smallest, rangeLargest];
  for (let i = 0; i < count && smallest >= 0; i += 1) {
    // RFC 9000 §19.3.1: minus 2, because a gap of 0 means one packet, and ranges never touch.
    rangeLargest = smallest - reader.varint() - 2;
    smallest = rangeLargest - reader.varint();
    ranges.push(smallest, rangeLargest);
  }
  if (smallest < 0) throw transportError("FRAME_ENCODING_ERROR", name, "a range goes below packet number 0");
  return { type: "ack", largest, delay, ranges, ecn: hasEcn ? parseEcnCounts(reader) : undefined };
}

/** RFC 9000 §19.3.2. */
function parseEcnCounts(reader: Reader): EcnCounts {
  return { ect0: reader.varint(), ect1: reader.varint(), ce: reader.varint() };
}

/** RFC 9000 §19.6. */
function parseCrypto(reader: Reader) {
  const offset = reader.varint();
  const length = reader.varint();
  if (offset + length >= OFFSET_END) {
    throw transportError("FRAME_ENCODING_ERROR", "CRYPTO", "the data ends after offset 2^62-1");
  }
  return { type: "crypto", offset, data: reader.view(length) } as const;
}

/** RFC 9000 §19.7. */
function parseNewToken(reader: Reader) {
  const length = reader.varint();
  if (length === 0) throw transportError("FRAME_ENCODING_ERROR", "NEW_TOKEN", "the token is empty");
  return { type: "new-token", token: reader.copy(length) } as const;
}

/** RFC 9000 §19.8: the three low bits of the type. */
const STREAM_OFF = 0x04;
const STREAM_LEN = 0x02;
const STREAM_FIN = 0x01;

function parseStream(reader: Reader, number: number) {
  const id = parseStreamId(reader, "STREAM");
  const offset = (number & STREAM_OFF) !== 0 ? reader.varint() : 0;
  const length = (number & STREAM_LEN) !== 0 ? reader.varint() : reader.remaining;
  if (offset + length >= OFFSET_END) {
    throw transportError("FRAME_ENCODING_ERROR", "STREAM", "the data ends after offset 2^62-1");
  }
  return { type: "stream", id, offset, data: reader.view(length), fin: (number & STREAM_FIN) !== 0 } as const;
}

/** RFC 9000 §19.15. */
function parseNewConnectionId(reader: Reader): NewConnectionIdFrame {
  return parseIdFields(reader, "NEW_CONNECTION_ID");
}

/** The fields that NEW_CONNECTION_ID and PATH_NEW_CONNECTION_ID share. `name` is the frame's, for errors. */
export function parseIdFields(reader: Reader, name: string): NewConnectionIdFrame {
  const sequence = reader.varint();
  const retirePriorTo = reader.varint();
  if (retirePriorTo > sequence) {
    throw transportError("FRAME_ENCODING_ERROR", name, "Retire Prior To is above the sequence number");
  }
  // RFC 9000 §5.1.1: sequence numbers go up by one, so no honest peer gets this far. All smaller ones are exact.
  if (sequence > Number.MAX_SAFE_INTEGER) {
    throw transportError("PROTOCOL_VIOLATION", name, "sequence numbers were skipped");
  }
  const length = reader.uint8();
  if (length < 1 || length > MAX_CONNECTION_ID_LENGTH) {
    throw transportError("FRAME_ENCODING_ERROR", name, `the connection id has ${length} bytes`);
  }
  const connectionId = reader.copy(length);
  const resetToken = reader.copy(STATELESS_RESET_TOKEN_LENGTH);
  return { type: "new-connection-id", sequence, retirePriorTo, connectionId, resetToken } as const;
}

/** RFC 9000 §19.19: 0x1c comes from the transport, 0x1d from the application. */
function parseConnectionClose(reader: Reader, number: number) {
  const isTransport = number === 0x1c;
  const code = reader.varintExact();
  const frameType = isTransport ? reader.varintExact() : 0;
  const phrase = reader.copy(reader.varint());
  return {
    type: "connection-close",
    layer: isTransport ? "transport" : "application",
    code,
    frameType,
    phrase,
  } as const;
}

/** No limit of ours can ever allow a stream id above 2^53-1 (RFC 9000 §4.6). */
function parseStreamId(reader: Reader, name: FrameRow["name"]): StreamId {
  const id = reader.varint();
  if (id > Number.MAX_SAFE_INTEGER)
    throw transportError("STREAM_LIMIT_ERROR", name, "the stream id is above any possible limit");
  return id;
}

/** For MAX_STREAMS and STREAMS_BLOCKED, the even type is for bidirectional streams (RFC 9000 §19.11, §19.14). */
const directionOf = (number: number): StreamDirection => (number % 2 === 0 ? "bidi" : "uni");

/** RFC 9000 §19.11, §19.14: a count above 2^60 would need stream ids that cannot be encoded. */
function parseStreamCount(reader: Reader, name: FrameRow["name"]): number {
  const count = reader.varintExact();
  if (exceeds(count, 2 ** 60)) throw transportError("FRAME_ENCODING_ERROR", name, "more than 2^60 streams");
  return nearest(count);
}
