/** Objects in datagrams (§11.3 of draft 18). */

import { Reader } from "../../../wire/reader.ts";
import type { VarInt } from "../../../wire/varint.ts";
import { ByteWriter } from "../byte-writer.ts";
import { readWhole, violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import { readCode } from "../integers.ts";
import type { KeyValue } from "../model.ts";
import { type ObjectStatus, readProperties, readStatus, writeProperties, writeStatus } from "./objects.ts";

const HAS_PROPERTIES = 0x01;
const END_OF_GROUP = 0x02;
const OBJECT_IS_ZERO = 0x04;
const DEFAULT_PRIORITY = 0x08;
const IS_STATUS = 0x20;
/** Zeros that mean nothing, from draft 18 on. */
export const PADDING_DATAGRAM = 0x132b3e29;

/** An object in a datagram. */
export interface ObjectDatagram {
  readonly alias: VarInt;
  readonly group: number;
  readonly object: number;
  /** Undefined for the track's. */
  readonly priority: number | undefined;
  readonly properties: readonly KeyValue[];
  readonly endsGroup: boolean;
  readonly status: ObjectStatus;
  readonly payload: Uint8Array;
}

/** Undefined for padding. The payload is a view. Throws a `ProtocolError`. */
export function parseDatagram(bytes: Uint8Array, dialect: Dialect): ObjectDatagram | undefined {
  const where = "datagram";
  return readWhole(where, () => {
    const reader = new Reader(bytes);
    const type = readCode(dialect.integers, reader);
    if (type === PADDING_DATAGRAM && !dialect.has("hasSharedControlStream")) return undefined;
    const allowed = 0x27 | (dialect.has("hasExplicitPriority") ? 0 : DEFAULT_PRIORITY);
    const isStatus = (type & IS_STATUS) !== 0;
    // A status does not end a group; in draft 14 it is never that of object 0 by its type.
    const contradicts =
      isStatus && (type & (END_OF_GROUP | (dialect.has("hasExplicitPriority") ? OBJECT_IS_ZERO : 0))) !== 0;
    if (type > 0x3f || (type & ~allowed) !== 0 || contradicts) throw violation(where, `the invalid type ${type}`);
    const alias = dialect.integer(reader);
    const group = dialect.number(reader);
    const object = (type & OBJECT_IS_ZERO) === 0 ? dialect.number(reader) : 0;
    const priority = (type & DEFAULT_PRIORITY) === 0 ? reader.uint8() : undefined;
    const hasProperties = (type & HAS_PROPERTIES) !== 0;
    const properties = hasProperties ? readProperties(reader, dialect, where) : [];
    if (hasProperties && properties.length === 0) throw violation(where, "properties of 0 bytes");
    const status = isStatus ? readStatus(reader, dialect, where) : "normal";
    if (isStatus && !reader.isAtEnd) throw violation(where, "a payload after a status");
    return {
      alias,
      group,
      object,
      priority,
      properties,
      endsGroup: (type & END_OF_GROUP) !== 0,
      status,
      payload: reader.rest(),
    };
  });
}

const FALLBACK_PRIORITY = 128;

/** The bytes of a datagram. Throws a `RangeError` for what the draft cannot say. */
export function emitDatagram(datagram: ObjectDatagram, dialect: Dialect): Uint8Array {
  const { properties, status, payload, priority } = datagram;
  const hasPriority = priority !== undefined || dialect.has("hasExplicitPriority");
  const isStatus = status !== "normal";
  if (isStatus && datagram.endsGroup) throw new RangeError("a status does not end a group");
  const isZero = datagram.object === 0 && !(isStatus && dialect.has("hasExplicitPriority"));
  const writer = new ByteWriter(dialect.integers);
  const type =
    (properties.length > 0 ? HAS_PROPERTIES : 0) |
    (datagram.endsGroup ? END_OF_GROUP : 0) |
    (isZero ? OBJECT_IS_ZERO : 0) |
    (hasPriority ? 0 : DEFAULT_PRIORITY) |
    (isStatus ? IS_STATUS : 0);
  writer.integer(type);
  writer.integer(datagram.alias);
  writer.integer(datagram.group);
  if (!isZero) writer.integer(datagram.object);
  if (hasPriority) writer.uint8(priority ?? FALLBACK_PRIORITY);
  if (properties.length > 0) writeProperties(writer, properties, dialect);
  if (isStatus) writeStatus(writer, status);
  else writer.bytes(payload);
  return writer.finish();
}
