/** Which objects a filter means, given what was published before (§5.1.2 and §5.1.3 of draft 20). */

import type { VarInt } from "../../wire/varint.ts";
import {
  compareLocations,
  type Filter,
  type KeyValue,
  type Location,
  type Parameters,
  type RangeFilter,
} from "./model.ts";

const BEGINNING: Location = { group: 0, object: 0 };

/** A range of locations: `end` is inclusive, without an object the whole group, and undefined if the range is open. */
export interface LocationRange {
  readonly start: Location;
  readonly end?: { readonly group: number; readonly object?: number };
}

/** The first location that a filter lets through. `largest` is that of the track when the subscription began. */
export function startOf(filter: Filter | undefined, largest: Location | undefined): Location {
  switch (filter?.type) {
    case "start":
    case "range":
      return filter.start;
    case "next-group":
      return largest === undefined ? BEGINNING : { group: largest.group + 1, object: 0 };
    case "next-object":
      return largest === undefined ? BEGINNING : { group: largest.group, object: largest.object + 1 };
    case "recent":
      // It cannot begin before the first group.
      return largest === undefined ? BEGINNING : { group: Math.max(0, largest.group + 1 - filter.groups), object: 0 };
    default:
      return BEGINNING;
  }
}

/** The same filter in absolute locations. */
export function absoluteFilter(filter: Filter | undefined, largest: Location | undefined): Filter {
  return filter?.type === "range" ? filter : { type: "start", start: startOf(filter, largest) };
}

/** The locations that a filter lets through. */
export function rangeOf(filter: Filter | undefined, largest: Location | undefined): LocationRange {
  const start = startOf(filter, largest);
  if (filter?.type !== "range") return { start };
  const { endGroup: group, endObject: object } = filter;
  return { start, end: object === undefined ? { group } : { group, object } };
}

/** An object, as range filters see it. */
export interface Selectable extends Location {
  /** Undefined for a datagram. */
  readonly subgroup: number | undefined;
  readonly priority: number;
  readonly properties: readonly KeyValue[];
}

/** What a subscription lets through: its filter by location, and its filters by ranges of values. */
export class Selection {
  readonly range: LocationRange;
  /** Filters of a set are joined by AND, sets by OR. */
  readonly #sets = new Map<number, RangeFilter[]>();

  constructor({ filter, rangeFilters = [] }: Parameters, largest: Location | undefined) {
    this.range = rangeOf(filter, largest);
    for (const each of rangeFilters) {
      // An empty one stands for no filter; those of tracks are for SUBSCRIBE_TRACKS.
      if (each.ranges.length === 0 || each.of === "track-property") continue;
      const set = this.#sets.get(each.set);
      if (set === undefined) this.#sets.set(each.set, [each]);
      else set.push(each);
    }
  }

  /** True if all locations from here on are after the range. */
  isPast({ group, object }: Location): boolean {
    const { end } = this.range;
    return end !== undefined && (group > end.group || (group === end.group && object > (end.object ?? object)));
  }

  /** True if the object is to be sent. */
  includes(object: Selectable): boolean {
    if (compareLocations(object, this.range.start) < 0 || this.isPast(object)) return false;
    if (this.#sets.size === 0) return true;
    for (const set of this.#sets.values()) if (set.every((each) => matches(each, object))) return true;
    return false;
  }
}

function matches({ of, propertyType, ranges }: RangeFilter, object: Selectable): boolean {
  if (of !== "object-property") {
    const value = of === "track-property" ? undefined : object[of];
    return value !== undefined && isWithin(ranges, value);
  }
  return object.properties.some(
    ({ type, value }) => type === propertyType && isNumber(value) && isWithin(ranges, value),
  );
}

const isNumber = (value: VarInt | Uint8Array): value is number => typeof value === "number";

const isWithin = (ranges: RangeFilter["ranges"], value: number): boolean =>
  ranges.some(({ start, end = Number.POSITIVE_INFINITY }) => value >= start && value <= end);

/** True if a track's properties pass the filters of SUBSCRIBE_TRACKS. */
export function selectsTrack(rangeFilters: readonly RangeFilter[] = [], properties: readonly KeyValue[] = []): boolean {
  const own = rangeFilters.filter(({ of, ranges }) => of === "track-property" && ranges.length > 0);
  const passes = ({ propertyType, ranges }: RangeFilter): boolean =>
    properties.some(({ type, value }) => type === propertyType && isNumber(value) && isWithin(ranges, value));
  const sets = new Set(own.map(({ set }) => set));
  return own.length === 0 || [...sets].some((set) => own.every((each) => each.set !== set || passes(each)));
}
