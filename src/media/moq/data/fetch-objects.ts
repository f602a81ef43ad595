/** The objects of a fetch stream (§11.4.4 of draft 18): with all their fields in draft 14, and with what differs later. */

import type { Reader } from "../../../wire/reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import { readCode } from "../integers.ts";
import type { KeyValue, Location } from "../model.ts";
import { type ObjectStatus, plus, readProperties, readStatus, writeProperties, writeStatus } from "./objects.ts";

/** The type of a stream of a fetch. */
export const FETCH_HEADER = 0x05;

const SUBGROUP_MODE = 0x03;
const SAME_SUBGROUP = 1;
const NEXT_SUBGROUP = 2;
const EXPLICIT_SUBGROUP = 3;
const HAS_OBJECT = 0x04;
const HAS_GROUP = 0x08;
const HAS_PRIORITY = 0x10;
const HAS_PROPERTIES = 0x20;
const WAS_DATAGRAM = 0x40;
const FLAGS = 0x7f;

/** Why there are no objects up to a location. */
export type GapKind = "non-existent" | "unknown" | "timed-out";

const GAPS: readonly (readonly [flags: number, kind: GapKind])[] = [
  [0x8c, "non-existent"],
  [0x10c, "unknown"],
  [0x20c, "timed-out"],
];

/** An object without its payload. */
export interface FetchObject extends Location {
  /** Undefined if it was a datagram. */
  readonly subgroup: number | undefined;
  readonly priority: number;
  readonly properties: readonly KeyValue[];
  readonly status: ObjectStatus;
  /** Bytes that follow. */
  readonly payloadLength: number;
}

/** There are no objects after the last one, up to this location. */
export interface FetchGap {
  readonly gap: GapKind;
  readonly end: Location;
}

const WHERE = "object of a fetch";

/** Remembers what the next object may refer to. */
export class FetchObjects {
  readonly #dialect: Dialect;
  readonly #isDescending: boolean;
  #location: Location | undefined;
  #subgroup: number | undefined;
  #priority: number | undefined;

  /** `order` is that of the request. */
  constructor(dialect: Dialect, order: "ascending" | "descending" = "ascending") {
    this.#dialect = dialect;
    this.#isDescending = order === "descending";
  }

  /** Reads the next object up to its payload, or a gap. Throws a `WireError` if bytes are missing, and changes nothing then. */
  read(reader: Reader): FetchObject | FetchGap {
    const dialect = this.#dialect;
    if (dialect.has("hasPlainFetchObjects")) return this.#readPlain(reader);
    const flags = readCode(dialect.integers, reader);
    const gap = GAPS.find(([value]) => value === flags)?.[1];
    if (gap !== undefined && (gap !== "timed-out" || !dialect.has("hasFetchTypes"))) {
      const end = this.#readLocation(HAS_GROUP | HAS_OBJECT, reader);
      this.#location = end;
      return { gap, end };
    }
    if (flags > FLAGS) throw violation(WHERE, `the unknown flags ${flags}`);
    const group = this.#readGroup(flags, reader);
    const subgroup = this.#readSubgroup(flags, reader);
    const location = { group, object: this.#readObject(flags, reader) };
    const priority = (flags & HAS_PRIORITY) === 0 ? this.#prior(this.#priority, "priority") : reader.uint8();
    const properties = (flags & HAS_PROPERTIES) === 0 ? [] : readProperties(reader, dialect, WHERE);
    const payloadLength = dialect.number(reader);
    this.#remember(location, subgroup, priority);
    return { ...location, subgroup, priority, properties, status: "normal", payloadLength };
  }

  #readPlain(reader: Reader): FetchObject {
    const dialect = this.#dialect;
    const group = dialect.number(reader);
    const subgroup = dialect.number(reader);
    const object = dialect.number(reader);
    const priority = reader.uint8();
    const properties = readProperties(reader, dialect, WHERE);
    const payloadLength = dialect.number(reader);
    const status = payloadLength === 0 ? readStatus(reader, dialect, WHERE) : "normal";
    return { group, object, subgroup, priority, properties, status, payloadLength };
  }

  #readLocation(flags: number, reader: Reader): Location {
    const group = this.#readGroup(flags, reader);
    return { group, object: this.#readObject(flags, reader) };
  }

  #readGroup(flags: number, reader: Reader): number {
    if ((flags & HAS_GROUP) === 0) return this.#prior(this.#location?.group, "group");
    const value = this.#dialect.number(reader);
    const prior = this.#location?.group;
    if (prior === undefined || this.#dialect.has("hasAbsoluteFetchObjects")) return value;
    const group = this.#isDescending ? prior - value - 1 : plus(prior + 1, value, WHERE);
    if (group < 0) throw violation(WHERE, "a group below 0");
    return group;
  }

  #readObject(flags: number, reader: Reader): number {
    if ((flags & HAS_OBJECT) === 0) return plus(this.#prior(this.#location?.object, "object"), 1, WHERE);
    const value = this.#dialect.number(reader);
    // With a group, and in the first object, it is absolute.
    const isAbsolute = this.#dialect.has("hasAbsoluteFetchObjects") || (flags & HAS_GROUP) !== 0;
    return isAbsolute ? value : plus(this.#prior(this.#location?.object, "object"), value, WHERE);
  }

  #readSubgroup(flags: number, reader: Reader): number | undefined {
    if ((flags & WAS_DATAGRAM) !== 0) {
      // The field is still there if its bits say so; what they refer to does not matter.
      if ((flags & SUBGROUP_MODE) === EXPLICIT_SUBGROUP) this.#dialect.number(reader);
      return undefined;
    }
    switch (flags & SUBGROUP_MODE) {
      case SAME_SUBGROUP:
        return this.#prior(this.#subgroup, "subgroup");
      case NEXT_SUBGROUP:
        return plus(this.#prior(this.#subgroup, "subgroup"), 1, WHERE);
      case EXPLICIT_SUBGROUP:
        return this.#dialect.number(reader);
      default:
        return 0;
    }
  }

  #prior(value: number | undefined, what: string): number {
    if (value === undefined) throw violation(WHERE, `the ${what} of an object before the first`);
    return value;
  }

  #remember(location: Location, subgroup: number | undefined, priority: number): void {
    this.#location = location;
    this.#subgroup = subgroup ?? this.#subgroup;
    this.#priority = priority;
  }

  /** Objects come in the order of the request. In draft 14 there are no datagrams. */
  emit(object: FetchObject): Uint8Array {
    const dialect = this.#dialect;
    const writer = new ByteWriter(dialect.integers);
    if (dialect.has("hasPlainFetchObjects")) {
      for (const value of [object.group, object.subgroup ?? object.object, object.object]) writer.integer(value);
      writer.uint8(object.priority);
      writeProperties(writer, object.properties, dialect);
      writer.integer(object.payloadLength);
      if (object.payloadLength === 0) writeStatus(writer, object.status);
      return writer.finish();
    }
    if (object.status !== "normal") throw new RangeError(`a fetch has no objects with the status ${object.status}`);
    const { group, subgroup, priority, properties } = object;
    const prior = this.#location;
    const mode = this.#modeOf(subgroup);
    const hasGroup = prior?.group !== group;
    const hasObject = hasGroup || prior.object + 1 !== object.object;
    const hasPriority = priority !== this.#priority;
    writer.integer(
      mode |
        (hasObject ? HAS_OBJECT : 0) |
        (hasGroup ? HAS_GROUP : 0) |
        (hasPriority ? HAS_PRIORITY : 0) |
        (properties.length > 0 ? HAS_PROPERTIES : 0),
    );
    if (hasGroup) writer.integer(this.#groupDelta(group));
    if (mode === EXPLICIT_SUBGROUP) writer.integer(subgroup!);
    if (hasObject) writer.integer(this.#objectDelta(object, hasGroup));
    if (hasPriority) writer.uint8(priority);
    if (properties.length > 0) writeProperties(writer, properties, dialect);
    writer.integer(object.payloadLength);
    this.#remember(object, subgroup, priority);
    return writer.finish();
  }

  /** Tells that there are no objects up to a location. */
  emitGap({ gap, end }: FetchGap): Uint8Array {
    const isKnown =
      !this.#dialect.has("hasPlainFetchObjects") && (gap !== "timed-out" || !this.#dialect.has("hasFetchTypes"));
    if (!isKnown) throw new RangeError(`draft ${this.#dialect.draft} has no ${gap} ranges`);
    const writer = new ByteWriter(this.#dialect.integers);
    writer.integer(GAPS.find(([, kind]) => kind === gap)![0]);
    // Both fields are there, so the object is absolute.
    writer.integer(this.#location?.group === end.group ? this.#sameGroup(end.group) : this.#groupDelta(end.group));
    writer.integer(end.object);
    this.#location = end;
    return writer.finish();
  }

  /** A difference of groups cannot be 0. */
  #sameGroup(group: number): number {
    if (this.#dialect.has("hasAbsoluteFetchObjects")) return group;
    throw new RangeError("a gap that ends in the group of the last object cannot be said");
  }

  #modeOf(subgroup: number | undefined): number {
    if (subgroup === undefined) return WAS_DATAGRAM;
    if (subgroup === 0) return 0;
    if (subgroup === this.#subgroup) return SAME_SUBGROUP;
    return this.#subgroup !== undefined && subgroup === this.#subgroup + 1 ? NEXT_SUBGROUP : EXPLICIT_SUBGROUP;
  }

  #groupDelta(group: number): number {
    const prior = this.#location?.group;
    if (prior === undefined || this.#dialect.has("hasAbsoluteFetchObjects")) return group;
    const delta = this.#isDescending ? prior - group - 1 : group - prior - 1;
    if (delta < 0) throw new RangeError(`group ${group} after group ${prior}`);
    return delta;
  }

  #objectDelta({ object }: Location, hasGroup: boolean): number {
    if (hasGroup || this.#dialect.has("hasAbsoluteFetchObjects")) return object;
    const delta = object - this.#location!.object;
    if (delta < 0) throw new RangeError(`object ${object} after object ${this.#location!.object}`);
    return delta;
  }
}
