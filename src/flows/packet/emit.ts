/** Writes packets. */

import { finishChecksum, sumWords } from "../../wire/checksum.ts";
import { fromHex } from "../../wire/hex.ts";
import { Writer } from "../../wire/writer.ts";
import { kindCode, typeOf, unitHeader, unitLength } from "./layout.ts";
import { MAX_PATH, PACKET_HEADER, PacketFlag, PacketType, type Unit, UnitFlag, VERSION } from "./types.ts";

/** What a packet says beside its units. */
export interface PacketHead {
  readonly flags: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly path?: readonly number[];
}

export interface EmitOptions {
  /** Writes checksums, for channels that do not protect what they carry. */
  readonly hasChecksums?: boolean;
}

const NO_PATH: readonly number[] = [];

/** Bytes of the header of a packet that passed this many relays. */
export const headerLength = (relays: number): number => PACKET_HEADER + 4 * relays;

/** Writes a packet at the start of `target`, and returns its length. */
export function emitPacket(
  target: Uint8Array,
  { flags, sequence, timestamp, path = NO_PATH }: PacketHead,
  units: readonly Unit[],
  { hasChecksums = false }: EmitOptions = {},
): number {
  if (path.length > MAX_PATH) throw new RangeError(`${path.length} relays, more than ${MAX_PATH}`);
  const writer = new Writer(target);
  const isFeedback = units.some((each) => each.type === "ack" || each.type === "resource");
  const allFlags = isFeedback ? flags | PacketFlag.feedback : flags;
  writer.uint8((VERSION << 4) | (allFlags >>> 8));
  writer.uint8(allFlags & 0xff);
  writer.uint8(path.length === 0 ? PacketType.multiplexed : PacketType.relayed);
  writer.uint8(headerLength(path.length) / 4);
  writer.uint16(units.length);
  writer.uint16(0);
  writer.uint32(sequence >>> 0);
  writer.uint32(timestamp >>> 0);
  for (const relay of path) writer.uint32(relay);
  for (let index = 0; index < units.length; index += 1) {
    const next = units[index + 1];
    emitUnit(writer, units[index]!, next === undefined ? 0 : typeOf(next), hasChecksums);
  }
  return writer.position;
}

/** The bytes of one packet. */
export function packetBytes(head: PacketHead, units: readonly Unit[], options?: EmitOptions): Uint8Array {
  const length = units.reduce((sum, each) => sum + unitLength(each), headerLength(head.path?.length ?? 0));
  const bytes = new Uint8Array(length);
  emitPacket(bytes, head, units, options);
  return bytes;
}

function emitUnit(writer: Writer, unit: Unit, next: number, hasChecksum: boolean): void {
  const start = writer.position;
  const type = typeOf(unit);
  const payload = unit.type === "datagram" || unit.type === "stream" ? unit.payload : undefined;
  writer.uint8(type);
  writer.uint8(unitHeader(unit) / 4);
  writer.uint16(0);
  writer.uint16(payload?.length ?? 0);
  writer.uint8(next);
  writer.uint8(flagsOf(unit));
  emitFields(writer, unit);
  if (payload !== undefined) writer.write(payload);
  if (!hasChecksum) return;
  const sum = finishChecksum(sumWords(writer.bytes, start, writer.position));
  // 0 means that there is none; 0xffff is the same sum.
  new Writer(writer.bytes, start + 2).uint16(sum === 0 ? 0xffff : sum);
}

function flagsOf(unit: Unit): number {
  if (unit.type === "stream" || unit.type === "confirm") return unit.isFin ? UnitFlag.fin : 0;
  if (unit.type !== "datagram") return 0;
  const { part, isDiscardable } = unit;
  const isFirst = part === undefined || part.isFirst;
  const isLast = part === undefined || part.isLast;
  return (isFirst ? UnitFlag.first : 0) | (isLast ? UnitFlag.last : 0) | (isDiscardable ? UnitFlag.discardable : 0);
}

function emitFields(writer: Writer, unit: Unit): void {
  switch (unit.type) {
    case "datagram":
      writer.uint32(unit.flow);
      if (unit.part === undefined) return;
      writer.uint32(unit.part.message);
      writer.uint16(unit.part.deadline);
      writer.uint8(unit.part.priority);
      writer.uint8(unit.part.fragment);
      return;
    case "stream":
      writer.uint32(unit.flow);
      if (!unit.isStateful) {
        writer.uint32(unit.offset % 0x1_0000_0000);
        return;
      }
      emitUint53(writer, unit.offset);
      writer.uint16(unit.deadline);
      writer.uint8(unit.priority);
      writer.uint8(0);
      return;
    case "open":
      writer.uint32(unit.flow);
      writer.uint8(kindCode(unit.kind));
      writer.uint8(unit.priority);
      writer.uint16(unit.period);
      writer.uint32(unit.maxUnit);
      writer.uint32(unit.cost);
      if (unit.chain === undefined) return;
      writer.write(fromHex(unit.chain.origin));
      writer.uint32(unit.chain.number);
      emitUint53(writer, unit.chain.base);
      return;
    case "close":
      writer.uint32(unit.flow);
      writer.uint16(unit.code);
      writer.uint16(0);
      return;
    case "pause":
      writer.uint32(unit.flow);
      writer.uint32(unit.until);
      return;
    case "resume":
      writer.uint32(unit.flow);
      writer.uint32(unit.rate);
      return;
    case "ack":
      writer.uint32(unit.largest >>> 0);
      writer.uint32(unit.delay);
      for (const run of unit.runs) writer.uint16(run);
      return;
    case "resource":
      writer.uint32(unit.link);
      writer.uint16(unit.cpuFree);
      writer.uint16(unit.queue);
      writer.uint32(unit.memory);
      return;
    case "grant":
      writer.uint32(unit.flow);
      writer.uint32(unit.bytes);
      writer.uint32(unit.start);
      writer.uint16(unit.window);
      writer.uint16(0);
      return;
    case "confirm":
      writer.uint32(unit.flow);
      emitUint53(writer, unit.end);
      writer.uint32(unit.late);
      for (const run of unit.runs) writer.uint16(run);
      return;
    case "unknown":
      return;
  }
}

function emitUint53(writer: Writer, value: number): void {
  writer.uint32(Math.floor(value / 0x1_0000_0000));
  writer.uint32(value % 0x1_0000_0000);
}
