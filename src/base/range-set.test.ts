import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { RangeSet } from "./range-set.ts";

const SPACE = 200;

type Step =
  | { readonly do: "add" | "remove"; readonly start: number; readonly length: number }
  | { readonly do: "dropFirst" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("add" as const, "add" as const, "remove" as const),
      start: fc.nat(SPACE),
      length: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("dropFirst" as const) }) },
);

/** The runs of true in the array, as ranges. */
function rangesOf(members: readonly boolean[]): [number, number][] {
  const ranges: [number, number][] = [];
  members.forEach((isMember, at) => {
    if (!isMember) return;
    const last = ranges.at(-1);
    if (last?.[1] === at) last[1] = at + 1;
    else ranges.push([at, at + 1]);
  });
  return ranges;
}

describe("a set of ranges", () => {
  it("is the set that an array of its members is", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const set = new RangeSet();
        const members = Array.from({ length: SPACE + 10 }, () => false);
        for (const each of steps) {
          const before = rangesOf(members);
          if (each.do === "dropFirst") {
            expect(set.dropFirst()).toEqual(before[0]);
            members.fill(false, 0, before[0]?.[1] ?? 0);
          } else {
            const { start, length } = each;
            const present = members.slice(start, start + length).filter(Boolean).length;
            if (each.do === "add") expect(set.add(start, start + length)).toBe(length - present);
            else set.remove(start, start + length);
            members.fill(each.do === "add", start, start + length);
          }
          const ranges = rangesOf(members);
          expect([...set]).toEqual(ranges);
          expect([set.size, set.isEmpty]).toEqual([ranges.length, ranges.length === 0]);
          expect([set.min, set.max]).toEqual([ranges[0]?.[0], ranges.length === 0 ? undefined : ranges.at(-1)![1] - 1]);
        }
        for (let at = 0; at < SPACE; at += 7) expect(set.has(at)).toBe(members[at]);
      }),
      { numRuns: runs(100) },
    );
  });

  it("takes and drops 200,000 ranges from either end", () => {
    const COUNT = 200_000;
    const upwards = Array.from({ length: COUNT }, (_, i) => i * 2);
    for (const order of [upwards, upwards.toReversed(), [0, 2, 4, ...upwards.slice(3).toReversed()]]) {
      const set = new RangeSet();
      for (const start of order) set.add(start, start + 1);
      expect([set.size, set.min, set.max]).toEqual([COUNT, 0, COUNT * 2 - 2]);
      for (let i = 0; i < COUNT; i += 1) if (set.dropFirst()![0] !== i * 2) expect.fail(`range ${i}`);
      expect(set.isEmpty).toBe(true);
    }
  });
});
