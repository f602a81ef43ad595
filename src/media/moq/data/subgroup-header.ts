/** The beginning of a subgroup's stream (§11.4.2 of draft 18). */

import type { Reader } from "../../../wire/reader.ts";
import type { VarInt } from "../../../wire/varint.ts";
import { ByteWriter } from "../byte-writer.ts";
import { violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";

const SUBGROUP = 0x10;
const HAS_PROPERTIES = 0x01;
const SUBGROUP_MODE = 0x06;
const IS_FIRST_OBJECT = 0x02;
const IS_EXPLICIT = 0x04;
const END_OF_GROUP = 0x08;
const DEFAULT_PRIORITY = 0x20;
const FIRST_OBJECT = 0x40;

/** What a stream of a subgroup begins with. */
export interface SubgroupHeader {
  readonly alias: VarInt;
  readonly group: number;
  /** "first-object" if it has the number of the first object. */
  readonly subgroup: number | "first-object";
  /** Undefined for the track's. */
  readonly priority: number | undefined;
  /** True if objects have properties. */
  readonly hasProperties: boolean;
  /** True if the last object of the stream is the last of the group. */
  readonly endsGroup: boolean;
  /** True if the first object of the stream is the first of the subgroup; undefined in drafts that do not say it. */
  readonly startsSubgroup: boolean | undefined;
}

/** True for the types of subgroup streams, some of which are invalid. */
export const isSubgroupType = (type: number): boolean => type < 0x80 && (type & SUBGROUP) !== 0;

/** Everything after the type. */
export function readSubgroupHeader(type: number, reader: Reader, dialect: Dialect): SubgroupHeader {
  const where = "subgroup header";
  const mode = type & SUBGROUP_MODE;
  const isOld = dialect.has("hasNoFirstObjectBit");
  const allowed = 0x1f | (dialect.has("hasExplicitPriority") ? 0 : DEFAULT_PRIORITY) | (isOld ? 0 : FIRST_OBJECT);
  if ((type & ~allowed) !== 0 || mode === SUBGROUP_MODE) throw violation(where, `the invalid type ${type}`);
  const alias = dialect.integer(reader);
  const group = dialect.number(reader);
  const subgroup = mode === 0 ? 0 : mode === IS_FIRST_OBJECT ? "first-object" : dialect.number(reader);
  return {
    alias,
    group,
    subgroup,
    priority: (type & DEFAULT_PRIORITY) === 0 ? reader.uint8() : undefined,
    hasProperties: (type & HAS_PROPERTIES) !== 0,
    endsGroup: (type & END_OF_GROUP) !== 0,
    startsSubgroup: isOld ? undefined : (type & FIRST_OBJECT) !== 0,
  };
}

const FALLBACK_PRIORITY = 128;

/** The header's bytes; what a draft cannot say is left out. */
export function emitSubgroupHeader(header: SubgroupHeader, dialect: Dialect): Uint8Array {
  const { subgroup, priority } = header;
  const hasPriority = priority !== undefined || dialect.has("hasExplicitPriority");
  const mode = subgroup === 0 ? 0 : subgroup === "first-object" ? IS_FIRST_OBJECT : IS_EXPLICIT;
  const type =
    SUBGROUP |
    mode |
    (header.hasProperties ? HAS_PROPERTIES : 0) |
    (header.endsGroup ? END_OF_GROUP : 0) |
    (hasPriority ? 0 : DEFAULT_PRIORITY) |
    (header.startsSubgroup === true && !dialect.has("hasNoFirstObjectBit") ? FIRST_OBJECT : 0);
  const writer = new ByteWriter(dialect.integers);
  writer.integer(type);
  writer.integer(header.alias);
  writer.integer(header.group);
  if (mode === IS_EXPLICIT) writer.integer(subgroup as number);
  if (hasPriority) writer.uint8(priority ?? FALLBACK_PRIORITY);
  return writer.finish();
}
