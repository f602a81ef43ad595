/** The data of records in wire format (RFC 1035 §3.3, RFC 3597), field by field as the table of types says. */

import { WireError } from "../base/errors.ts";
import { formatIpAddress, parseIpAddress } from "../wire/ip-address.ts";
import type { Reader } from "../wire/reader.ts";
import type { Writer } from "../wire/writer.ts";
import { type NamePositions, readName, writeName } from "./name.ts";
import {
  type AnyData,
  type FieldKind,
  type FieldValues,
  fieldsOf,
  type RecordData,
  type RecordType,
  recordTypeOf,
} from "./record-types.ts";
import { readSvcParams, writeSvcParams } from "./svc-params.ts";

/** Reads the data of a record, which ends at the reader's end. Malformed data of a known type is kept as bytes. */
export function readData(number: number, reader: Reader): AnyData {
  const start = reader.position;
  const type = recordTypeOf(number);
  const bytes = (): Uint8Array => reader.bytes.slice(start, reader.end);
  if (type === undefined) return { type: "opaque", bytes: bytes() };
  try {
    const data = readFields(type, reader);
    if (!reader.isAtEnd) throw new WireError("bytes follow the last field", reader.position);
    return data;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { type: "malformed", bytes: bytes(), problem: `${type}: ${error.message}` };
  }
}

function readFields(type: RecordType, reader: Reader): RecordData {
  const data: Record<string, unknown> = { type };
  for (const [name, kind] of fieldsOf(type)) data[name] = readField(kind, reader);
  return data as unknown as RecordData;
}

function readField(kind: FieldKind, reader: Reader): FieldValues[FieldKind] {
  switch (kind) {
    case "uint8":
      return reader.uint8();
    case "uint16":
    case "type":
      return reader.uint16();
    case "uint32":
    case "time":
      return reader.uint32();
    case "name":
    case "plain-name":
      return readName(reader);
    case "uncompressed-name":
      return readName(reader, false);
    case "ipv4":
      return formatIpAddress(reader.view(4));
    case "ipv6":
      return formatIpAddress(reader.view(16));
    case "string":
    case "word":
    case "salt":
    case "hash":
      return reader.copy(reader.uint8());
    case "strings":
      return readStrings(reader);
    case "text":
    case "base64":
    case "hex":
      return reader.copy(reader.remaining);
    case "types":
      return readTypes(reader);
    case "svc-params":
      return readSvcParams(reader);
  }
}

function readStrings(reader: Reader): Uint8Array[] {
  const strings: Uint8Array[] = [];
  do strings.push(reader.copy(reader.uint8()));
  while (!reader.isAtEnd);
  return strings;
}

/** RFC 4034 §4.1.2: windows of 256 types, each a bit map of up to 32 bytes. */
function readTypes(reader: Reader): number[] {
  const types: number[] = [];
  let previous = -1;
  while (!reader.isAtEnd) {
    const at = reader.position;
    const window = reader.uint8();
    const length = reader.uint8();
    if (window <= previous || length === 0 || length > 32) throw new WireError("a bit map of types is malformed", at);
    previous = window;
    for (const [index, byte] of reader.view(length).entries()) {
      for (let bit = 0; bit < 8; bit += 1) if (byte & (0x80 >> bit)) types.push((window << 8) | (index * 8 + bit));
    }
  }
  return types;
}

/** Writes the data; `positions` allows compressing names in the types of RFC 1035. */
export function writeData(writer: Writer, data: AnyData, positions?: NamePositions): void {
  if (data.type === "opaque" || data.type === "malformed") {
    writer.write(data.bytes);
    return;
  }
  const values = data as unknown as Readonly<Record<string, unknown>>;
  for (const [name, kind] of fieldsOf(data.type)) writeField(writer, kind, values[name], positions);
}

function writeField(writer: Writer, kind: FieldKind, value: unknown, positions: NamePositions | undefined): void {
  switch (kind) {
    case "uint8":
      writer.uint8(value as number);
      return;
    case "uint16":
    case "type":
      writer.uint16(value as number);
      return;
    case "uint32":
    case "time":
      writer.uint32(value as number);
      return;
    case "name":
      writeName(writer, value as string, positions);
      return;
    case "plain-name":
    case "uncompressed-name":
      writeName(writer, value as string);
      return;
    case "ipv4":
    case "ipv6":
      writer.write(parseIpAddress(value as string)!);
      return;
    case "string":
    case "word":
    case "salt":
    case "hash":
      writeString(writer, value as Uint8Array);
      return;
    case "strings":
      for (const each of value as readonly Uint8Array[]) writeString(writer, each);
      return;
    case "text":
    case "base64":
    case "hex":
      writer.write(value as Uint8Array);
      return;
    case "types":
      writeTypes(writer, value as readonly number[]);
      return;
    case "svc-params":
      writeSvcParams(writer, value as FieldValues["svc-params"]);
  }
}

function writeString(writer: Writer, bytes: Uint8Array): void {
  writer.uint8(bytes.length);
  writer.write(bytes);
}

function writeTypes(writer: Writer, types: readonly number[]): void {
  const windows = new Map<number, Uint8Array>();
  for (const type of [...types].sort((a, b) => a - b)) {
    const window = type >> 8;
    const low = type & 0xff;
    const map = windows.get(window) ?? new Uint8Array(32);
    map[low >> 3]! |= 0x80 >> (low & 7);
    windows.set(window, map);
  }
  for (const [window, map] of windows) {
    const length = map.findLastIndex((byte) => byte !== 0) + 1;
    writer.uint8(window);
    writeString(writer, map.subarray(0, length));
  }
}
