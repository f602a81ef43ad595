/**
 * Builds packets in place: `begin…Header`, then the frames, then `finishPacket`, which adds the packet to a
 * `PacketBatch`, ready to be sealed. The caller keeps `writer.end` 16 bytes before the end of the datagram, to leave
 * room for the tag.
 */

import { type PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import type { Writer } from "../../wire/writer.ts";
import { versionRow } from "../versions/index.ts";
import type { ConnectionId } from "./connection-id.ts";
import type { PacketNumberLength } from "./packet-number.ts";

/** A packet whose header has been written. Pass it again as `into` to build packets without allocating. */
export class OpenPacket {
  /** Offset of the first byte. */
  header = 0;
  /** Offset of the two-byte Length; -1 in a short header. */
  lengthOffset = -1;
  packetNumberOffset = 0;
  /** Offset of the first frame. */
  payload = 0;
  packetNumber = 0;
}

/** Length always takes two bytes, so that it can be filled in at the end. */
const MAX_LENGTH = 0x3fff;

/** Begins an Initial, 0-RTT or Handshake packet (RFC 9000 §17.2.2–17.2.4). `token` is only written in Initial packets. */
export function beginLongHeader(
  writer: Writer,
  form: "initial" | "zero-rtt" | "handshake",
  version: number,
  destination: Uint8Array,
  source: Uint8Array,
  token: Uint8Array,
  packetNumber: number,
  packetNumberLength: PacketNumberLength,
  into: OpenPacket = new OpenPacket(),
): OpenPacket {
  into.header = writer.position;
  // Header Form and Fixed Bit set, packet type, Reserved Bits zero, Packet Number Length.
  writer.uint8(0xc0 | (versionRow(version).longPacketTypes[form] << 4) | (packetNumberLength - 1));
  writer.uint32(version);
  writer.uint8(destination.length);
  writer.write(destination);
  writer.uint8(source.length);
  writer.write(source);
  if (form === "initial") {
    writer.varint(token.length);
    writer.write(token);
  }
  into.lengthOffset = writer.position;
  writer.uint16(0);
  return writePacketNumber(writer, packetNumber, packetNumberLength, into);
}

/** Begins a 1-RTT packet (RFC 9000 §17.3.1). `destination` is an id, or its bytes. */
export function beginShortHeader(
  writer: Writer,
  destination: ConnectionId | Uint8Array,
  spin: 0 | 1,
  keyPhase: 0 | 1,
  packetNumber: number,
  packetNumberLength: PacketNumberLength,
  into: OpenPacket = new OpenPacket(),
): OpenPacket {
  into.header = writer.position;
  into.lengthOffset = -1;
  // Fixed Bit, Spin Bit, Reserved Bits zero, Key Phase, Packet Number Length.
  writer.uint8(0x40 | (spin << 5) | (keyPhase << 2) | (packetNumberLength - 1));
  if (destination instanceof Uint8Array) writer.write(destination);
  else destination.emit(writer);
  return writePacketNumber(writer, packetNumber, packetNumberLength, into);
}

function writePacketNumber(writer: Writer, packetNumber: number, length: PacketNumberLength, into: OpenPacket) {
  into.packetNumber = packetNumber;
  into.packetNumberOffset = writer.position;
  switch (length) {
    case 1:
      writer.uint8(packetNumber);
      break;
    case 2:
      writer.uint16(packetNumber);
      break;
    case 3:
      writer.uint24(packetNumber);
      break;
    case 4:
      writer.uint32(packetNumber);
      break;
  }
  into.payload = writer.position;
  return into;
}

/**
 * Finishes the packet: pads it until a header protection sample fits, leaves room for the tag, fills in Length and
 * appends the packet to `batch`. The writer must write into the batch's arena.
 */
export function finishPacket(writer: Writer, open: OpenPacket, batch: PacketBatch): void {
  if (writer.bytes !== batch.arena) throw new RangeError("the packet was not written into the batch's arena");
  if (batch.count === batch.capacity) throw new RangeError(`the batch is full: ${batch.capacity} packets`);

  // RFC 9001 §5.4.2: packet number and frames together must have at least four bytes.
  const missing = open.packetNumberOffset + 4 - writer.position;
  if (missing > 0) prependPadding(writer, open, missing);

  const end = writer.position + TAG_LENGTH;
  if (end > writer.bytes.length) throw new RangeError(`no room for the ${TAG_LENGTH}-byte tag`);
  writer.position = end;

  if (open.lengthOffset >= 0) {
    const length = end - open.packetNumberOffset;
    if (length > MAX_LENGTH) throw new RangeError(`a packet of ${length} bytes does not fit the two-byte Length`);
    writer.bytes[open.lengthOffset] = 0x40 | (length >>> 8);
    writer.bytes[open.lengthOffset + 1] = length;
  }

  const index = batch.count;
  batch.header[index] = open.header;
  batch.packetNumberOffset[index] = open.packetNumberOffset;
  batch.payload[index] = open.payload;
  batch.end[index] = end;
  batch.packetNumber[index] = open.packetNumber;
  batch.count = index + 1;
}

/** PADDING goes before the frames, because the last one may be a STREAM frame that runs to the end of the packet. */
function prependPadding(writer: Writer, open: OpenPacket, count: number): void {
  const framesEnd = writer.position;
  writer.fill(0, count);
  writer.bytes.copyWithin(open.payload + count, open.payload, framesEnd);
  writer.bytes.fill(0, open.payload, open.payload + count);
}
