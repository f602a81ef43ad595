/** Filters on the wire: by location, which changed its form in draft 20, and by ranges of values. */

import type { Reader } from "../../wire/reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { violation } from "./errors.ts";
import { type Dialect, location } from "./fields.ts";
import type { Filter, Location, RangeFilter } from "./model.ts";

const NEXT_GROUP = 1;
const NEXT_OBJECT = 2;
const START = 3;
const RANGE = 4;

/** `reader` ends with the filter, except in draft 14, where it is followed by other fields. */
export function readFilter(reader: Reader, dialect: Dialect, where: string): Filter {
  return dialect.has("hasTypedFilters") ? readTyped(reader, dialect, where) : readCounted(reader, dialect, where);
}

export function writeFilter(writer: ByteWriter, filter: Filter, dialect: Dialect): void {
  if (dialect.has("hasTypedFilters")) writeTyped(writer, filter, dialect);
  else for (const value of countedOf(filter)) writer.integer(value);
}

function readTyped(reader: Reader, dialect: Dialect, where: string): Filter {
  const type = dialect.number(reader);
  switch (type) {
    case NEXT_GROUP:
      return { type: "next-group" };
    case NEXT_OBJECT:
      return { type: "next-object" };
    case START:
      return { type: "start", start: location.read(reader, dialect, where) };
    case RANGE: {
      const start = location.read(reader, dialect, where);
      const end = dialect.number(reader);
      const endGroup = dialect.has("hasAbsoluteEndGroup") ? end : start.group + end;
      return range(start, endGroup, undefined, where);
    }
    default:
      throw violation(where, `a filter of type ${type}`);
  }
}

function writeTyped(writer: ByteWriter, filter: Filter, dialect: Dialect): void {
  switch (filter.type) {
    case "next-group":
    case "next-object":
      writer.integer(filter.type === "next-group" ? NEXT_GROUP : NEXT_OBJECT);
      break;
    case "recent":
      // Relative groups came with draft 20; the nearest before is what comes next.
      writer.integer(NEXT_GROUP);
      break;
    case "all":
    case "start":
      writer.integer(START);
      location.write(writer, filter.type === "all" ? { group: 0, object: 0 } : filter.start, dialect);
      break;
    case "range": {
      const { start, endGroup } = filter;
      writer.integer(RANGE);
      location.write(writer, start, dialect);
      writer.integer(dialect.has("hasAbsoluteEndGroup") ? endGroup : endGroup - start.group);
    }
  }
}

/** Draft 20: the number of fields says what they are. */
function readCounted(reader: Reader, dialect: Dialect, where: string): Filter {
  const values: number[] = [];
  while (!reader.isAtEnd && values.length < 5) values.push(dialect.number(reader));
  const [group = 0, object = 0, delta = 0, endObject] = values;
  switch (values.length) {
    case 0:
      return { type: "all" };
    case 1:
      return group === 0 ? { type: "next-group" } : { type: "recent", groups: group };
    case 2:
      return group === 0 && object === 0 ? { type: "next-object" } : { type: "start", start: { group, object } };
    case 3:
    case 4:
      return range({ group, object }, group + delta, endObject, where);
    default:
      throw violation(where, "a filter of more than four numbers");
  }
}

function countedOf(filter: Filter): readonly number[] {
  switch (filter.type) {
    case "all":
      return [];
    case "next-group":
      return [0];
    case "recent":
      return [filter.groups];
    case "next-object":
      return [0, 0];
    case "start": {
      const { group, object } = filter.start;
      // An absolute beginning of everything cannot be spelled: it would be the next object.
      return group === 0 && object === 0 ? [] : [group, object];
    }
    case "range": {
      const { start, endGroup, endObject } = filter;
      return [start.group, start.object, endGroup - start.group, ...(endObject === undefined ? [] : [endObject])];
    }
  }
}

function range(start: Location, endGroup: number, endObject: number | undefined, where: string): Filter {
  if (endGroup > Number.MAX_SAFE_INTEGER) throw violation(where, "a group above 2^53-1");
  if (endGroup < start.group) throw violation(where, `a filter from group ${start.group} to ${endGroup}`);
  return { type: "range", start, endGroup, ...(endObject === undefined ? {} : { endObject }) };
}

/** Parameter types of range filters. */
export const RANGE_FILTERS: ReadonlyMap<number, RangeFilter["of"]> = new Map([
  [0x25, "subgroup"],
  [0x26, "object"],
  [0x27, "priority"],
  [0x28, "object-property"],
  [0x29, "track-property"],
]);

const MAX_RANGES = 256;
const hasPropertyType = (of: RangeFilter["of"]): boolean => of === "object-property" || of === "track-property";

/** `reader` ends with the filter. */
export function readRangeFilter(reader: Reader, of: RangeFilter["of"], dialect: Dialect, where: string): RangeFilter {
  // An empty one removes the filter.
  if (reader.isAtEnd) return { of, set: 0, ranges: [] };
  const set = reader.uint8();
  const property = hasPropertyType(of) ? { propertyType: dialect.number(reader) } : {};
  const ranges: { start: number; end?: number }[] = [];
  let last = 0;
  while (!reader.isAtEnd) {
    if (ranges.length === MAX_RANGES) throw violation(where, `more than ${MAX_RANGES} ranges`);
    const start = last + dialect.number(reader);
    const end = reader.isAtEnd ? undefined : start + dialect.number(reader);
    last = end ?? start;
    if (last > Number.MAX_SAFE_INTEGER) throw violation(where, "a range above 2^53-1");
    ranges.push({ start, ...(end === undefined ? {} : { end }) });
  }
  return { of, set, ...property, ranges };
}

export function writeRangeFilter(writer: ByteWriter, { of, set, propertyType, ranges }: RangeFilter): void {
  if (ranges.length === 0) return;
  writer.uint8(set);
  if (hasPropertyType(of)) writer.integer(propertyType ?? 0);
  let last = 0;
  for (const { start, end } of ranges) {
    writer.integer(start - last);
    if (end !== undefined) writer.integer(end - start);
    last = end ?? start;
  }
}
