import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import type { Micros } from "../base/time.ts";
import { Histogram } from "./histogram.ts";

const of = (values: readonly number[]): Histogram => {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value as Micros);
  return histogram;
};

/** All magnitudes are equally likely. */
const duration = fc
  .tuple(fc.integer({ min: 0, max: 35 }), fc.double({ min: 1, max: 2, maxExcluded: true, noNaN: true }))
  .map(([exponent, fraction]) => Math.floor(fraction * 2 ** exponent));

describe("a histogram", () => {
  test("knows each percentile to 1 part in 128, and never below the true value", () => {
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, share) => {
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
          const found = of(values).percentile(share);
          expect(found).toBeGreaterThanOrEqual(exact);
          expect(found).toBeLessThanOrEqual(exact + exact / 128);
        },
      ),
      { numRuns: runs(500) },
    );
  });

  test("has each value in exactly one of its bins, which do not overlap", () => {
    fc.assert(
      fc.property(fc.array(duration, { maxLength: 200 }), (values) => {
        const bins = [...of(values).bins()];
        expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
        for (const { from, to, count } of bins) {
          expect(values.filter((value) => value >= from && value <= to)).toHaveLength(count);
        }
        for (const [i, { from }] of bins.entries()) if (i > 0) expect(from).toBeGreaterThan(bins[i - 1]!.to);
      }),
      { numRuns: runs(300) },
    );
  });

  test("puts both sides of every power of two into different bins", () => {
    for (let exponent = 1; exponent < 36; exponent++) {
      const bins = [...of([2 ** exponent - 1, 2 ** exponent]).bins()];
      expect(bins.map(({ count }) => count)).toEqual([1, 1]);
      expect(bins[1]!.from).toBe(2 ** exponent);
    }
  });

  test("has the exact minimum, maximum and mean", () => {
    const { min, max, mean, count } = of([1_000_003, 5, 17]);
    expect({ min, max, mean, count }).toEqual({ min: 5, max: 1_000_003, mean: 1_000_025 / 3, count: 3 });
    expect(of([1_000_003, 5, 17]).percentile(1)).toBe(1_000_003);
  });

  test("without values has zeros", () => {
    const { min, max, mean } = of([]);
    expect([min, max, mean, of([]).percentile(0.5), [...of([]).bins()]]).toEqual([0, 0, 0, 0, []]);
  });

  test("counts a duration that its clock made negative as 0, and one of days as the largest", () => {
    expect(of([-3]).percentile(0.5)).toBe(0);
    const days = of([3 * 86_400e6]);
    expect([...days.bins()]).toHaveLength(1);
    expect(days.max).toBe(3 * 86_400e6);
  });
});
