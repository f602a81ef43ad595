/**
 * Writes frames (RFC 9000 §19), one function per frame. It is the caller's job to make sure that a frame fits; only ACK
 * and CONNECTION_CLOSE shrink to fit.
 */

import { assertNever } from "../../base/errors.ts";
import type { RangeSet } from "../../base/range-set.ts";
import { utf8 } from "../../wire/text.ts";
import { type VarInt, varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import type { StreamDirection, StreamId } from "../transport.ts";
import type { AckFrame, AckFrequencyFrame, EcnCounts, Frame } from "./frames.ts";

export function emitPadding(writer: Writer, length: number): void {
  writer.fill(0x00, length);
}

export function emitPing(writer: Writer): void {
  writer.uint8(0x01);
}

/**
 * Acknowledges received packets from the largest down, in as many ranges as fit, and returns the largest. `delay` is in
 * units of 2^ack_delay_exponent microseconds, as on the wire. Writes nothing and returns -1 if not even one range fits.
 */
export function emitAck(writer: Writer, received: RangeSet, delay: number, ecn: EcnCounts | undefined): number {
  const last = received.size - 1;
  if (last < 0) return -1;
  const largest = received.end(last) - 1;
  let smallest = received.start(last);
  // Reserves two bytes for the count if one byte might not be enough.
  const countLength = last < 0x40 ? 1 : 2;
  const room = writer.remaining - ecnLength(ecn);
  let length = 1 + varintLength(largest) + varintLength(delay) + countLength + varintLength(largest - smallest);
  if (length > room) return -1;

  let first = last;
  while (first > 0 && last - first < 0x3fff) {
    const below = first - 1;
    const end = received.end(below);
    const next = varintLength(smallest - end - 1) + varintLength(end - 1 - received.start(below));
    if (length + next > room) break;
    length += next;
    smallest = received.start(below);
    first = below;
  }

  writer.uint8(ecn === undefined ? 0x02 : 0x03);
  writer.varint(largest);
  writer.varint(delay);
  writer.varint(last - first, countLength);
  writer.varint(largest - received.start(last));
  for (let i = last - 1; i >= first; i -= 1) {
    writer.varint(received.start(i + 1) - received.end(i) - 1); // RFC 9000 §19.3.1: Gap
    writer.varint(received.end(i) - 1 - received.start(i));
  }
  emitEcnCounts(writer, ecn);
  return largest;
}

function emitAckFrame(writer: Writer, frame: AckFrame): void {
  writer.uint8(frame.ecn === undefined ? 0x02 : 0x03);
  emitAckFields(writer, frame);
}

/** The fields that ACK and PATH_ACK share. */
export function emitAckFields(writer: Writer, { largest, delay, ranges, ecn }: AckFrame): void {
  writer.varint(largest);
  writer.varint(delay);
  writer.varint(ranges.length / 2 - 1);
  writer.varint(largest - ranges[0]!);
  for (let i = 2; i < ranges.length; i += 2) {
    writer.varint(ranges[i - 2]! - ranges[i + 1]! - 2);
    writer.varint(ranges[i + 1]! - ranges[i]!);
  }
  emitEcnCounts(writer, ecn);
}

function emitEcnCounts(writer: Writer, ecn: EcnCounts | undefined): void {
  if (ecn === undefined) return;
  writer.varint(ecn.ect0);
  writer.varint(ecn.ect1);
  writer.varint(ecn.ce);
}

const ecnLength = (ecn: EcnCounts | undefined): number =>
  ecn === undefined ? 0 : varintLength(ecn.ect0) + varintLength(ecn.ect1) + varintLength(ecn.ce);

export function emitResetStream(writer: Writer, id: StreamId, code: VarInt, finalSize: number): void {
  writer.uint8(0x04);
  writer.varint(id);
  writer.varint(code);
  writer.varint(finalSize);
}

export function emitResetStreamAt(
  writer: Writer,
  id: StreamId,
  code: VarInt,
  finalSize: number,
  reliableSize: number,
): void {
  writer.uint8(0x24);
  writer.varint(id);
  writer.varint(code);
  writer.varint(finalSize);
  writer.varint(reliableSize);
}

export function emitStopSending(writer: Writer, id: StreamId, code: VarInt): void {
  writer.uint8(0x05);
  writer.varint(id);
  writer.varint(code);
}

/** Writes `data` from `dataStart` to `dataEnd`, all of it by default. */
export function emitCrypto(
  writer: Writer,
  offset: number,
  data: Uint8Array,
  dataStart = 0,
  dataEnd: number = data.length,
): void {
  writer.uint8(0x06);
  writer.varint(offset);
  writer.varint(dataEnd - dataStart);
  writer.write(data.subarray(dataStart, dataEnd));
}

export function emitNewToken(writer: Writer, token: Uint8Array): void {
  writer.uint8(0x07);
  writer.varint(token.length);
  writer.write(token);
}

/** Without `explicitLength`, the data runs to the end of the packet and nothing may follow. */
export function emitStream(
  writer: Writer,
  id: StreamId,
  offset: number,
  data: Uint8Array,
  dataStart: number,
  dataEnd: number,
  fin: boolean,
  explicitLength: boolean,
): void {
  emitStreamHeader(writer, id, offset, dataEnd - dataStart, fin, explicitLength);
  writer.write(data.subarray(dataStart, dataEnd));
}

/** Writes the frame without its `length` bytes of data, which must follow. */
export function emitStreamHeader(
  writer: Writer,
  id: StreamId,
  offset: number,
  length: number,
  fin: boolean,
  explicitLength: boolean,
): void {
  writer.uint8(0x08 | (offset > 0 ? 0x04 : 0) | (explicitLength ? 0x02 : 0) | (fin ? 0x01 : 0));
  writer.varint(id);
  if (offset > 0) writer.varint(offset);
  if (explicitLength) writer.varint(length);
}

/** The size of a STREAM frame with an explicit length, minus its `length` bytes of data. */
export const streamFrameOverhead = (id: StreamId, offset: number, length: number): number =>
  1 + varintLength(id) + (offset > 0 ? varintLength(offset) : 0) + varintLength(length);

export function emitMaxData(writer: Writer, maximum: number): void {
  writer.uint8(0x10);
  writer.varint(maximum);
}

export function emitMaxStreamData(writer: Writer, id: StreamId, maximum: number): void {
  writer.uint8(0x11);
  writer.varint(id);
  writer.varint(maximum);
}

export function emitMaxStreams(writer: Writer, direction: StreamDirection, maximum: number): void {
  writer.uint8(direction === "bidi" ? 0x12 : 0x13);
  writer.varint(maximum);
}

export function emitDataBlocked(writer: Writer, limit: number): void {
  writer.uint8(0x14);
  writer.varint(limit);
}

export function emitStreamDataBlocked(writer: Writer, id: StreamId, limit: number): void {
  writer.uint8(0x15);
  writer.varint(id);
  writer.varint(limit);
}

export function emitStreamsBlocked(writer: Writer, direction: StreamDirection, limit: number): void {
  writer.uint8(direction === "bidi" ? 0x16 : 0x17);
  writer.varint(limit);
}

export function emitNewConnectionId(
  writer: Writer,
  sequence: number,
  retirePriorTo: number,
  connectionId: Uint8Array,
  resetToken: Uint8Array,
): void {
  writer.uint8(0x18);
  emitIdFields(writer, sequence, retirePriorTo, connectionId, resetToken);
}

/** The fields that NEW_CONNECTION_ID and PATH_NEW_CONNECTION_ID share. */
export function emitIdFields(
  writer: Writer,
  sequence: number,
  retirePriorTo: number,
  connectionId: Uint8Array,
  resetToken: Uint8Array,
): void {
  writer.varint(sequence);
  writer.varint(retirePriorTo);
  writer.uint8(connectionId.length);
  writer.write(connectionId);
  writer.write(resetToken);
}

export function emitRetireConnectionId(writer: Writer, sequence: number): void {
  writer.uint8(0x19);
  writer.varint(sequence);
}

export function emitPathChallenge(writer: Writer, data: Uint8Array): void {
  writer.uint8(0x1a);
  writer.write(data);
}

export function emitPathResponse(writer: Writer, data: Uint8Array): void {
  writer.uint8(0x1b);
  writer.write(data);
}

/**
 * Truncates the reason phrase to what fits, at a character boundary. `frameType` is written only for layer "transport".
 */
export function emitConnectionClose(
  writer: Writer,
  layer: "transport" | "application",
  code: VarInt,
  frameType: VarInt,
  phrase: string | Uint8Array,
): void {
  writer.uint8(layer === "transport" ? 0x1c : 0x1d);
  writer.varint(code);
  if (layer === "transport") writer.varint(frameType);
  const bytes = typeof phrase === "string" ? utf8(phrase) : phrase;
  const length = fittingPhraseLength(bytes, writer.remaining);
  writer.varint(length);
  writer.write(bytes.subarray(0, length));
}

function fittingPhraseLength(phrase: Uint8Array, room: number): number {
  let length = phrase.length;
  while (length > 0 && varintLength(length) + length > room) length = Math.max(0, room - varintLength(length));
  if (length === phrase.length) return length;
  // A byte 10xxxxxx continues a UTF-8 character.
  while (length > 0 && (phrase[length]! & 0xc0) === 0x80) length -= 1;
  return length;
}

/** draft-ietf-quic-ack-frequency §5. */
export function emitImmediateAck(writer: Writer): void {
  writer.uint8(0x1f);
}

/** draft-ietf-quic-ack-frequency §4. */
export function emitAckFrequency(writer: Writer, frame: Omit<AckFrequencyFrame, "type">): void {
  writer.varint(0xaf);
  writer.varint(frame.sequence);
  writer.varint(frame.threshold);
  writer.varint(frame.maxAckDelay);
  writer.varint(frame.reordering);
}

/** RFC 9221 §4. Without a length, the data must end the packet. */
export function emitDatagram(writer: Writer, data: Uint8Array, hasLength: boolean): void {
  writer.uint8(hasLength ? 0x31 : 0x30);
  if (hasLength) writer.varint(data.length);
  writer.write(data);
}

export function emitHandshakeDone(writer: Writer): void {
  writer.uint8(0x1e);
}

/** Writes any frame. STREAM frames get an explicit length. */
export function emitFrame(writer: Writer, frame: Frame): void {
  switch (frame.type) {
    case "padding":
      emitPadding(writer, frame.length);
      break;
    case "ping":
      emitPing(writer);
      break;
    case "ack":
      emitAckFrame(writer, frame);
      break;
    case "reset-stream":
      emitResetStream(writer, frame.id, frame.code, frame.finalSize);
      break;
    case "reset-stream-at":
      emitResetStreamAt(writer, frame.id, frame.code, frame.finalSize, frame.reliableSize);
      break;
    case "stop-sending":
      emitStopSending(writer, frame.id, frame.code);
      break;
    case "crypto":
      emitCrypto(writer, frame.offset, frame.data);
      break;
    case "new-token":
      emitNewToken(writer, frame.token);
      break;
    case "stream":
      emitStream(writer, frame.id, frame.offset, frame.data, 0, frame.data.length, frame.fin, true);
      break;
    case "max-data":
      emitMaxData(writer, frame.maximum);
      break;
    case "max-stream-data":
      emitMaxStreamData(writer, frame.id, frame.maximum);
      break;
    case "max-streams":
      emitMaxStreams(writer, frame.direction, frame.maximum);
      break;
    case "data-blocked":
      emitDataBlocked(writer, frame.limit);
      break;
    case "stream-data-blocked":
      emitStreamDataBlocked(writer, frame.id, frame.limit);
      break;
    case "streams-blocked":
      emitStreamsBlocked(writer, frame.direction, frame.limit);
      break;
    case "new-connection-id":
      emitNewConnectionId(writer, frame.sequence, frame.retirePriorTo, frame.connectionId, frame.resetToken);
      break;
    case "retire-connection-id":
      emitRetireConnectionId(writer, frame.sequence);
      break;
    case "path-challenge":
      emitPathChallenge(writer, frame.data);
      break;
    case "path-response":
      emitPathResponse(writer, frame.data);
      break;
    case "connection-close":
      emitConnectionClose(writer, frame.layer, frame.code, frame.frameType, frame.phrase);
      break;
    case "immediate-ack":
      emitImmediateAck(writer);
      break;
    case "ack-frequency":
      emitAckFrequency(writer, frame);
      break;
    case "datagram":
      emitDatagram(writer, frame.data, frame.hasLength);
      break;
    case "handshake-done":
      emitHandshakeDone(writer);
      break;
    default:
      assertNever(frame);
  }
}
