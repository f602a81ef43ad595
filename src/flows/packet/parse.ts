/** Reads packets. What contradicts itself is refused as a whole; units of unknown types are skipped. */

import { WireError } from "../../base/errors.ts";
import { foldSum, sumWords } from "../../wire/checksum.ts";
import { toHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { FlowPacketError } from "./errors.ts";
import { CHAIN_TAG, HEADER_LENGTH } from "./layout.ts";
import {
  type ChainTag,
  FLOW_KINDS,
  type FlowPacket,
  MAX_PATH,
  NO_DEADLINE,
  PACKET_HEADER,
  PacketFlag,
  PacketType,
  UNIT_HEADER,
  type Unit,
  UnitFlag,
  UnitType,
  VERSION,
} from "./types.ts";

const NO_PATH: readonly number[] = [];

/** Throws a FlowPacketError for a packet that must be dropped. */
export function parsePacket(bytes: Uint8Array): FlowPacket {
  try {
    return parse(new Reader(bytes));
  } catch (error) {
    if (error instanceof WireError) throw new FlowPacketError("unit", error.message);
    throw error;
  }
}

function parse(reader: Reader): FlowPacket {
  if (reader.remaining < PACKET_HEADER) throw new FlowPacketError("header", `${reader.remaining} bytes are no packet`);
  const first = reader.uint16();
  const version = first >>> 12;
  if (version !== VERSION) throw new FlowPacketError("version", `version ${version}`);
  const flags = first & 0xfff;
  const type = reader.uint8();
  const length = 4 * reader.uint8();
  const count = reader.uint16();
  reader.skip(2);
  const sequence = reader.uint32();
  const timestamp = reader.uint32();
  const path = parsePath(reader, type, length);
  const units: Unit[] = [];
  let corrupt = 0;
  let expected: number | undefined;
  for (let index = 0; index < count; index += 1) {
    if (expected === 0 || reader.remaining < UNIT_HEADER) {
      throw new FlowPacketError("flow-count", `${count} units announced, ${index} there`);
    }
    const start = reader.position;
    const code = reader.bytes[start]!;
    if (code === 0 || (expected !== undefined && code !== expected)) {
      throw new FlowPacketError("chain", `a unit of type ${code} where ${expected ?? "one"} was announced`);
    }
    expected = reader.bytes[start + 6]!;
    const unit = parseUnit(reader, code);
    if (unit === undefined) corrupt += 1;
    else units.push(unit);
  }
  if (count > 0 && expected !== 0) throw new FlowPacketError("flow-count", `more than the ${count} units announced`);
  if (!reader.isAtEnd && (flags & PacketFlag.padded) === 0) {
    throw new FlowPacketError("chain", `${reader.remaining} bytes after the chain`);
  }
  return { flags, sequence, timestamp, path, units, corrupt };
}

function parsePath(reader: Reader, type: number, length: number): readonly number[] {
  const relays = length / 4 - PACKET_HEADER / 4;
  if (type !== PacketType.multiplexed && type !== PacketType.relayed) {
    throw new FlowPacketError("version", `a header of type ${type}`);
  }
  if (relays < 0 || length > reader.end || (type === PacketType.multiplexed) !== (relays === 0)) {
    throw new FlowPacketError("header", `a header of ${length} bytes of type ${type}`);
  }
  if (relays > MAX_PATH) throw new FlowPacketError("path", `${relays} relays`);
  if (relays === 0) return NO_PATH;
  return Array.from({ length: relays }, () => reader.uint32());
}

/** Undefined if the checksum is wrong. */
function parseUnit(reader: Reader, code: number): Unit | undefined {
  const start = reader.position;
  reader.skip(1);
  const headerLength = 4 * reader.uint8();
  const checksum = reader.uint16();
  const payloadLength = reader.uint16();
  reader.skip(1);
  const flags = reader.uint8();
  const end = start + headerLength + payloadLength;
  if (headerLength < (HEADER_LENGTH[code] ?? UNIT_HEADER) || end > reader.end) {
    throw new FlowPacketError("unit", `a unit of type ${code} with ${headerLength} and ${payloadLength} bytes`);
  }
  const fields = new Reader(reader.bytes, reader.position, start + headerLength);
  const payload = reader.bytes.subarray(start + headerLength, end);
  reader.position = end;
  if (checksum !== 0 && foldSum(sumWords(reader.bytes, start, end)) !== 0xffff) return undefined;
  return parseFields(fields, code, flags, payload);
}

function parseFields(fields: Reader, code: number, flags: number, payload: Uint8Array): Unit {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  switch (code) {
    case UnitType.statelessDatagram: {
      const flow = flowId(fields);
      return { type: "datagram", flow, part: undefined, isDiscardable: has(UnitFlag.discardable), payload };
    }
    case UnitType.statefulDatagram: {
      const flow = flowId(fields);
      const message = fields.uint32();
      const deadline = fields.uint16();
      const priority = fields.uint8();
      const fragment = fields.uint8();
      const isFirst = has(UnitFlag.first);
      const isLast = has(UnitFlag.last);
      if (isFirst !== (fragment === 0)) throw new FlowPacketError("value", `fragment ${fragment} is not the first`);
      const part = { message, fragment, isFirst, isLast, deadline, priority };
      return { type: "datagram", flow, part, isDiscardable: has(UnitFlag.discardable), payload };
    }
    case UnitType.statelessStream: {
      const flow = flowId(fields);
      const offset = fields.uint32();
      const isFin = has(UnitFlag.fin);
      return { type: "stream", flow, isStateful: false, offset, deadline: NO_DEADLINE, priority: 0, isFin, payload };
    }
    case UnitType.statefulStream: {
      const flow = flowId(fields);
      const offset = uint53(fields, payload.length);
      const deadline = fields.uint16();
      const priority = fields.uint8();
      return { type: "stream", flow, isStateful: true, offset, deadline, priority, isFin: has(UnitFlag.fin), payload };
    }
    case UnitType.open: {
      const flow = flowId(fields);
      const kind = FLOW_KINDS[fields.uint8() - 1];
      if (kind === undefined) throw new FlowPacketError("value", "OPEN of a kind that does not exist");
      const [priority, period] = [fields.uint8(), fields.uint16()];
      const [maxUnit, cost, chain] = [fields.uint32(), fields.uint32(), parseChainTag(fields)];
      return { type: "open", flow, kind, priority, period, maxUnit, cost, chain };
    }
    case UnitType.close:
      return { type: "close", flow: fields.uint32(), code: fields.uint16() };
    case UnitType.pause:
      return { type: "pause", flow: fields.uint32(), until: fields.uint32() };
    case UnitType.resume:
      return { type: "resume", flow: fields.uint32(), rate: fields.uint32() };
    case UnitType.ack: {
      const [largest, delay] = [fields.uint32(), fields.uint32()];
      return { type: "ack", largest, delay, runs: parseRuns(fields) };
    }
    case UnitType.resource: {
      const [link, cpuFree, queue] = [fields.uint32(), fields.uint16(), fields.uint16()];
      return { type: "resource", link, cpuFree, queue, memory: fields.uint32() };
    }
    case UnitType.grant: {
      const [flow, bytes, start] = [flowId(fields), fields.uint32(), fields.uint32()];
      return { type: "grant", flow, bytes, start, window: fields.uint16() };
    }
    case UnitType.confirm: {
      const [flow, end, late] = [flowId(fields), uint53(fields, 0), fields.uint32()];
      return { type: "confirm", flow, end, late, isFin: has(UnitFlag.fin), runs: parseRuns(fields) };
    }
    default:
      return { type: "unknown", code };
  }
}

function parseRuns(fields: Reader): number[] {
  const runs: number[] = [];
  while (!fields.isAtEnd) runs.push(fields.uint16());
  return runs;
}

/** A longer header has options of a later version behind it; a shorter one does not name the sender. */
function parseChainTag(fields: Reader): ChainTag | undefined {
  if (fields.remaining < CHAIN_TAG) return undefined;
  return { origin: toHex(fields.view(8)), number: fields.uint32(), base: uint53(fields, 0) };
}

/** Eight bytes, of a number that is still exact with `more` added. */
function uint53(fields: Reader, more: number): number {
  const value = fields.uint32() * 0x1_0000_0000 + fields.uint32();
  if (value + more > Number.MAX_SAFE_INTEGER) throw new FlowPacketError("value", `offset ${value}`);
  return value;
}

/** Data and OPEN name one flow; 0 stands for all of them. */
function flowId(fields: Reader): number {
  const flow = fields.uint32();
  if (flow === 0) throw new FlowPacketError("value", "flow 0 is no flow");
  return flow;
}
