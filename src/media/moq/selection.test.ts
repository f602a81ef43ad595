/** Which objects filters let through. */

import { describe, expect, test } from "vitest";
import type { Filter, Location, RangeFilter } from "./model.ts";
import { absoluteFilter, rangeOf, type Selectable, Selection, selectsTrack } from "./selection.ts";

const largest: Location = { group: 7, object: 3 };

describe("filters by location", () => {
  test.each<[string, Filter | undefined, Location | undefined, object]>([
    ["none", undefined, largest, { start: { group: 0, object: 0 } }],
    ["everything", { type: "all" }, largest, { start: { group: 0, object: 0 } }],
    ["the next group", { type: "next-group" }, largest, { start: { group: 8, object: 0 } }],
    ["the next group of an empty track", { type: "next-group" }, undefined, { start: { group: 0, object: 0 } }],
    ["the next object", { type: "next-object" }, largest, { start: { group: 7, object: 4 } }],
    ["the current group", { type: "recent", groups: 1 }, largest, { start: { group: 7, object: 0 } }],
    ["more groups than there are", { type: "recent", groups: 99 }, largest, { start: { group: 0, object: 0 } }],
    ["a start", { type: "start", start: { group: 9, object: 2 } }, largest, { start: { group: 9, object: 2 } }],
    [
      "a range",
      { type: "range", start: { group: 1, object: 0 }, endGroup: 2, endObject: 5 },
      largest,
      { start: { group: 1, object: 0 }, end: { group: 2, object: 5 } },
    ],
  ])("%s", (_, filter, newest, range) => {
    expect(rangeOf(filter, newest)).toEqual(range);
    // The absolute form means the same, whatever is published later.
    expect(rangeOf(absoluteFilter(filter, newest), { group: 99, object: 9 })).toEqual(range);
  });

  test("an end is inclusive, with or without an object", () => {
    const start = { group: 1, object: 2 };
    const whole = new Selection({ filter: { type: "range", start, endGroup: 2 } }, undefined);
    const cut = new Selection({ filter: { type: "range", start, endGroup: 2, endObject: 5 } }, undefined);
    const at = (group: number, object: number) => ({ group, object, subgroup: 0, priority: 0, properties: [] });
    const places = [at(1, 1), at(1, 2), at(2, 0), at(2, 5), at(2, 6), at(3, 0)];
    expect(places.map((place) => whole.includes(place))).toEqual([false, true, true, true, true, false]);
    expect(places.map((place) => cut.includes(place))).toEqual([false, true, true, true, false, false]);
    expect(places.map((place) => cut.isPast(place))).toEqual([false, false, false, false, true, true]);
  });
});

describe("filters by ranges", () => {
  const object = (change: Partial<Selectable>): Selectable => ({
    group: 0,
    object: 0,
    subgroup: 0,
    priority: 10,
    properties: [],
    ...change,
  });
  const filters = (...rangeFilters: RangeFilter[]) => new Selection({ rangeFilters }, undefined);

  test("those of a set are joined by AND, and sets by OR", () => {
    const selection = filters(
      { of: "subgroup", set: 1, ranges: [{ start: 0, end: 1 }] },
      { of: "priority", set: 1, ranges: [{ start: 0, end: 20 }] },
      { of: "object", set: 2, ranges: [{ start: 5, end: 5 }, { start: 9 }] },
    );
    expect(selection.includes(object({}))).toBe(true);
    expect(selection.includes(object({ priority: 30 }))).toBe(false);
    expect(selection.includes(object({ priority: 30, object: 5 }))).toBe(true);
    expect(selection.includes(object({ subgroup: 3, object: 1_000 }))).toBe(true);
    // A datagram has no subgroup.
    expect(selection.includes(object({ subgroup: undefined }))).toBe(false);
  });

  test("properties are found by their type", () => {
    const selection = filters({ of: "object-property", set: 0, propertyType: 0x40, ranges: [{ start: 1, end: 2 }] });
    expect(selection.includes(object({ properties: [{ type: 0x40, value: 2 }] }))).toBe(true);
    expect(selection.includes(object({ properties: [{ type: 0x42, value: 2 }] }))).toBe(false);
    expect(selection.includes(object({}))).toBe(false);
  });

  test("an empty filter is no filter, and those of tracks do not touch objects", () => {
    const selection = filters(
      { of: "subgroup", set: 0, ranges: [] },
      { of: "track-property", set: 1, propertyType: 2, ranges: [{ start: 7 }] },
    );
    expect(selection.includes(object({}))).toBe(true);
  });

  test("tracks are chosen by their properties", () => {
    const filter: RangeFilter = { of: "track-property", set: 1, propertyType: 2, ranges: [{ start: 7 }] };
    expect(selectsTrack([filter], [{ type: 2, value: 8 }])).toBe(true);
    expect(selectsTrack([filter], [{ type: 2, value: 6 }])).toBe(false);
    expect([selectsTrack([filter]), selectsTrack([]), selectsTrack()]).toEqual([false, true, true]);
  });
});
